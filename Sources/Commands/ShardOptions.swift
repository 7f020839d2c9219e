import ArgumentParser
import Files
import Segmentation

extension Shard: ExpressibleByArgument {
    /// Reads `I/N`.
    public init?(argument: String) { self.init(argument) }
}

extension Require {
    /// Refuses several processes, which would write the same files.
    package static func oneProcess() throws {
        guard let place = Launcher.place else { return }
        throw ValidationError("this command runs in one process, and this is one of \(place.count); start it without mpirun or srun")
    }
}

extension Shard {
    /// Shares by their numbers, for messages: "2 shares of other weights: 1, 4. Run them as this one".
    static func misfits(_ numbers: [Int], of what: String) -> String {
        let names = numbers.prefix(8).map { "\($0)" }.joined(separator: ", ") + (numbers.count > 8 ? ", …" : "")
        return "\(counted(numbers.count, "share")) of \(what): \(names). Run \(numbers.count == 1 ? "it" : "them") as this one"
    }
}

/// The share of the work that this process does.
package struct ShardOptions: ParsableArguments {
    @Option(
        help: """
            Do only share I of N, such as 2/8, in job arrays and on machines without MPI. The last share to finish joins the results. Under mpirun \
            and srun each process takes its share by itself.
            """, transform: Shard.reading("share I of N, with I from 1 to N, such as 2/8"))
    package var shard: Shard?

    package init() {}

    /// The given share, or the launcher's; nil for the whole. Throws if both give one: each process
    /// would do the same share.
    package func chosen() throws -> Shard? {
        if let shard, let place = Launcher.place {
            throw ValidationError(
                "--shard \(shard): mpirun or srun started \(place.count) processes, which share the work by themselves; leave it out")
        }
        return (shard ?? Launcher.place).flatMap { $0.count > 1 ? $0 : nil }
    }
}
