#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Why a file could not be read or written: the file, the reason and the way out, in one line.
public struct FileError: UserError, Equatable, LocalizedError {
    /// What went wrong, coarsely enough to act on.
    public enum Kind: String, Sendable {
        /// There is no such file.
        case missing
        /// The file is there, but the system refuses to read it.
        case unreadable
        /// The file ends before the data it declares.
        case truncated
        /// The file contradicts itself or its format.
        case corrupt
        /// The file is a sound one of another format than those asked for.
        case wrongFormat
        /// The format is right, but the file uses a part of it that is not supported.
        case unsupported
        /// Reading on would cost more memory or time than such a file can deserve.
        case limit
        /// The file is sound, but this machine has too little memory for it.
        case memory
        /// The system refuses to write the file.
        case unwritable
    }

    /// What went wrong.
    public let kind: Kind
    /// The file's path, as it was given.
    public let file: String
    /// What is wrong, without the file's name.
    public let reason: String
    /// What to do about it.
    public let remedy: String

    /// An error about `file`; `reason` and `remedy` are clauses without a full stop.
    public init(_ kind: Kind, file: String, reason: String, remedy: String) {
        self.kind = kind
        self.file = file
        self.reason = reason
        self.remedy = remedy
    }

    /// An error about a file with the usual way out for its kind.
    package init(_ kind: Kind, file: String, reason: String) {
        self.init(kind, file: file, reason: reason, remedy: kind.usualRemedy)
    }

    /// As ``file``.
    public var subject: String { file }
    /// As ``reason``.
    public var problem: String { reason }
    /// Memory where that is too little, otherwise input.
    public var category: UserErrorCategory { kind == .memory ? .memory : .input }
    /// As the description.
    public var errorDescription: String? { description }
}

extension FileError.Kind {
    /// The way out where nothing more is known.
    package var usualRemedy: String {
        switch self {
        case .missing: "check the path"
        case .unreadable: "check its permissions"
        case .truncated, .corrupt: "download or save it again"
        case .wrongFormat: "give a file of a supported format"
        case .unsupported: "save it again in a plain form"
        case .limit: "use it only if you trust where it comes from, and save it again in a plain form"
        case .memory: "close other programs, make the file smaller or use a machine with more memory"
        case .unwritable: "check the folder, its permissions and the space left on the disk"
        }
    }
}

/// A ``FileError`` that does not know its file yet: what parsers of bytes throw. ``naming(_:_:)`` adds the file.
package struct Fault: Error {
    package var kind: FileError.Kind
    package var reason: String
    package var remedy: String

    package init(_ kind: FileError.Kind, _ reason: String, remedy: String? = nil) {
        self.kind = kind
        self.reason = reason
        self.remedy = remedy ?? kind.usualRemedy
    }
}

/// Runs `body`, and gives every fault inside it the file's name.
package func naming<T>(_ url: URL, _ body: () throws -> T) throws(FileError) -> T {
    try naming(url.relativePath, body)
}

/// Runs `body`, and gives every fault inside it a name that stands for the file.
package func naming<T>(_ file: String, _ body: () throws -> T) throws(FileError) -> T {
    do {
        return try body()
    } catch let fault as Fault {
        throw FileError(fault.kind, file: file, reason: fault.reason, remedy: fault.remedy)
    } catch let error as FileError {
        throw error
    } catch {
        throw FileError(.unreadable, file: file, reason: "\(error)".printable(limit: 200), remedy: "check the file")
    }
}
