import Files
import Foundation

/// What is wrong with a data set or one of its files, and what to do about it; the fault is the data's, never the program's.
public struct DataError: UserError, Equatable, LocalizedError {
    /// The sort of fault, for callers that treat them differently.
    public enum Kind: String, Sendable {
        /// A folder that should be there is not, or cannot be read.
        case missingFolder
        /// The folders are there and hold nothing to learn from.
        case noPairs
        /// Pictures without masks, masks without pictures, two of one name.
        case unpaired
        /// A file that cannot be read or decoded.
        case unreadable
        /// A picture and its mask differ in size.
        case sizeMismatch
        /// Masks that are all one value, where something else was to be expected.
        case uniformMask
        /// A binary mask whose values or colours no rule can divide in two.
        case greyMask
        /// A label that is not below the number of classes.
        case labelOutOfRange
        /// Samples of one set that do not fit together.
        case shape
    }

    /// The sort of fault; that of the first where there are several.
    public var kind: Kind
    /// The file or folder at fault.
    public var path: String
    /// One line for each fault found.
    public var problems: [String]
    /// What the user can do.
    public var remedy: String

    /// How many problems a message names before it only counts.
    static let namedAtMost = 10

    /// A fault with one line for each problem found.
    public init(_ kind: Kind, path: String, problems: [String], remedy: String) {
        self.kind = kind
        self.path = path
        self.problems = problems
        self.remedy = remedy
    }

    init(_ kind: Kind, path: String, _ problem: String, remedy: String) {
        self.init(kind, path: path, problems: [problem], remedy: remedy)
    }

    /// As ``path``.
    public var subject: String { path }
    /// The problems, with semicolons between.
    public var problem: String { problems.joined(separator: "; ") }

    /// The path, the problems (the first ten by name, then a count) and the way out.
    public var description: String {
        guard problems.count > 1 else {
            return ([path + ": " + (problems.first ?? kind.rawValue)] + (remedy.isEmpty ? [] : [remedy])).joined(separator: ". ")
        }
        var lines = ["\(path): \(problems.count) problems:"]
        lines += problems.prefix(Self.namedAtMost).map { "  \($0)" }
        if problems.count > Self.namedAtMost { lines.append("  … and \(problems.count - Self.namedAtMost) more") }
        lines.append(remedy)
        return lines.joined(separator: "\n")
    }

    /// As ``description``.
    public var errorDescription: String? { description }
}
