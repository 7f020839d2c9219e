#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A file or folder could not be read or written: its path, the reason and the remedy, in one line.
public struct FileError: UserError, Equatable, LocalizedError {
    /// The kind of fault, coarse enough to act on.
    public enum Kind: String, Sendable {
        /// There is no such file.
        case missing
        /// The file exists, but the system refuses to read it.
        case unreadable
        /// The file ends before the data it declares.
        case truncated
        /// The file contradicts itself or its format.
        case corrupt
        /// The file is valid but in another format than the accepted ones.
        case wrongFormat
        /// The format is right, but the file uses an unsupported part of it.
        case unsupported
        /// Reading on would take more memory or time than such a file can need.
        case limit
        /// The file is valid, but this machine has too little memory for it.
        case memory
        /// The system refuses to write the file.
        case unwritable
        /// The folder is in use, or holds something else that must stay.
        case occupied
    }

    /// The kind of fault.
    public let kind: Kind
    /// The path of the file or folder, as given.
    public let file: String
    /// The fault, without the file's name.
    public let reason: String
    /// A way out for the user.
    public let remedy: String

    /// The most characters of a reason, which may quote names from the file.
    private static let longestReason = 400

    /// An error about `file`; `reason` and `remedy` are clauses without a full stop. A longer reason
    /// is cut.
    public init(_ kind: Kind, file: String, reason: String, remedy: String) {
        self.kind = kind
        self.file = file
        self.reason = reason.printable(limit: Self.longestReason)
        self.remedy = remedy
    }

    /// An error about a file with its kind's usual remedy.
    package init(_ kind: Kind, file: String, reason: String) {
        self.init(kind, file: file, reason: reason, remedy: kind.usualRemedy)
    }

    /// The ``file``.
    public var subject: String { file }
    /// The ``reason``.
    public var problem: String { reason }
    /// `.memory` if memory ran out, otherwise `.input`.
    public var category: UserErrorCategory { kind == .memory ? .memory : .input }
    /// The description.
    public var errorDescription: String? { description }
}

extension FileError.Kind {
    /// The remedy if nothing more is known.
    package var usualRemedy: String {
        switch self {
        case .missing: "check the path"
        case .unreadable: "check its permissions"
        case .truncated, .corrupt: "download or save it again"
        case .wrongFormat: "give a file of a supported format"
        case .unsupported: "save it again in a plain form"
        case .limit: "if you trust its source, save it again in a plain form"
        case .memory: "close other programs, make the file smaller or use a machine with more memory"
        case .unwritable: "check the folder, its permissions and the disk's free space"
        case .occupied: "choose another folder"
        }
    }
}

/// A ``FileError`` without the file, thrown by parsers of bytes. ``naming(_:_:)`` adds the file.
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

/// Runs `body`, and adds the file to every fault that it throws.
package func naming<T>(_ url: URL, _ body: () throws -> T) throws(FileError) -> T {
    try naming(url.relativePath, body)
}

/// Runs `body`, and adds a name for the file to every fault that it throws.
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
