import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A fault of a data set or one of its files, with a remedy. It is never the program's fault.
public struct DataError: UserError, Equatable, LocalizedError {
    /// The kind of fault, for callers that distinguish.
    public enum Kind: String, Sendable {
        /// A required folder is missing or unreadable.
        case missingFolder
        /// The folders exist but contain nothing to learn from.
        case noPairs
        /// Pictures without masks, masks without pictures, or two of one name.
        case unpaired
        /// A file cannot be read or decoded.
        case unreadable
        /// A picture and its mask differ in size.
        case sizeMismatch
        /// Masks have only one value, but more are expected.
        case uniformMask
        /// A binary mask has values or colours that no rule can divide in two.
        case greyMask
        /// A label is not below the number of classes.
        case labelOutOfRange
        /// Samples of one set do not fit together.
        case shape
        /// The machine has too little memory for the request.
        case memory
    }

    /// The kind of the fault, or of the first one.
    public var kind: Kind
    /// The faulty file or folder.
    public var path: String
    /// A line for each fault found.
    public var problems: [String]
    /// A way out for the user.
    public var remedy: String

    /// The most problems that a message names; the rest is only counted.
    static let namedAtMost = 10

    /// A fault with a line for each problem found.
    public init(_ kind: Kind, path: String, problems: [String], remedy: String) {
        self.kind = kind
        self.path = path
        self.problems = problems
        self.remedy = remedy
    }

    init(_ kind: Kind, path: String, _ problem: String, remedy: String) {
        self.init(kind, path: path, problems: [problem], remedy: remedy)
    }

    /// Throws unless that many bytes are available now: Swift's arrays end the process if they are
    /// not.
    static func requireMemory(_ bytes: Int, for what: String, remedy: String) throws(DataError) {
        do { try Memory.ask(for: bytes) } catch { throw DataError(.memory, path: what, error.reason, remedy: remedy) }
    }

    /// One error for all faults: the fault itself if there is only one, otherwise a list with a
    /// remedy for each kind. Nil without faults. `path` is the folder of the files.
    static func joined(_ faults: [DataError], path: String) -> DataError? {
        guard let first = faults.first, faults.count > 1 else { return faults.first }
        var remedies: [String] = []
        for fault in faults where !fault.remedy.isEmpty && !remedies.contains(fault.remedy) { remedies.append(fault.remedy) }
        return DataError(
            first.kind, path: path, problems: faults.flatMap { $0.path == path ? $0.problems : $0.lines },
            remedy: remedies.prefix(3).joined(separator: "\n"))
    }

    /// The problems as lines among those of other files: each begins with its file's name, or its
    /// case's.
    var lines: [String] {
        let file = URL(filePath: path).lastPathComponent
        return problems.map { problem in
            let isNamed = problem.firstRange(of: ": ").map { file.hasPrefix(problem[..<$0.lowerBound]) } ?? false
            return isNamed ? problem : "\(file): \(problem)"
        }
    }

    /// Memory if there is too little of it, otherwise input.
    public var category: UserErrorCategory { kind == .memory ? .memory : .input }
    /// The ``path``.
    public var subject: String { path }
    /// The problems, separated by semicolons.
    public var problem: String { problems.joined(separator: "; ") }

    /// The path, the problems (the first ten by name, then a count) and the remedy.
    public var description: String {
        guard problems.count > 1 else {
            let parts = [path + ": " + (problems.first ?? kind.rawValue)] + (remedy.isEmpty ? [] : [remedy])
            return parts.joined(separator: ". ").printable(keepsLines: true)
        }
        var lines = ["\(path): \(problems.count) problems:"]
        lines += problems.prefix(Self.namedAtMost).map { "  \($0)" }
        if problems.count > Self.namedAtMost { lines.append("  … and \(problems.count - Self.namedAtMost) more") }
        lines.append(remedy)
        return lines.joined(separator: "\n").printable(keepsLines: true)
    }

    /// The ``description``.
    public var errorDescription: String? { description }
}
