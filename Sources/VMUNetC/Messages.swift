import Files
import Segmentation

/// A call that makes no sense.
struct CallError: UserError {
    let subject = "vmunet"
    let problem: String
    var remedy = ""
    var category: UserErrorCategory { .usage }

    init(_ problem: String, remedy: String = "") { (self.problem, self.remedy) = (problem, remedy) }
}

/// An error as `vmunet.h` promises it: one line. Some errors write several for the tool's user.
func line(of error: any Error) -> String {
    guard let error = error as? any UserError else { return "\(error)".oneLine }
    let parts = [error.subject, error.problem.oneLine].filter { !$0.isEmpty }.joined(separator: ": ")
    return (error.remedy.isEmpty ? parts : "\(parts); \(error.remedy.oneLine)").printable()
}

extension String {
    fileprivate var oneLine: String { split(whereSeparator: \.isNewline).joined(separator: "; ") }
}

extension NetworkLoader {
    /// The kernels' networks. Another's remedy is the tool's option --libtorch, which a library has
    /// not.
    static let library = NetworkLoader { weights, compute in
        do { return try NetworkLoader.kernels.load(weights, compute) } catch let error as OtherNetwork {
            throw Problem(
                problem: error.problem, remedy: "give a VM-UNet's weights; `vmunet-train predict --libtorch` computes the other networks")
        }
    }

    private struct Problem: WeightsProblem {
        let subject = "", problem: String, remedy: String
    }
}

extension DataError {
    /// The same fault of an array. Remedies for a wrong shape name the tool's options and its files'
    /// names.
    var ofArray: DataError {
        guard kind == .shape else { return self }
        return DataError(
            kind, path: path, problems: problems, remedy: "give [channels, slices, rows, columns], the channels in the order of training")
    }
}
