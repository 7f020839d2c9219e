import Foundation

/// Why a file of tensors could not be read or written: the file, the reason and the way out, in one line.
public struct TensorFileError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
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
        /// The system refuses to write the file.
        case unwritable
    }

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

    public var description: String { "\(file): \(reason); \(remedy)" }
    public var errorDescription: String? { description }
}

/// A `TensorFileError` that does not know its file yet: what parsers of bytes throw.
struct Fault: Error {
    var kind: TensorFileError.Kind
    var reason: String
    var remedy: String

    init(_ kind: TensorFileError.Kind, _ reason: String, remedy: String? = nil) {
        self.kind = kind
        self.reason = reason
        self.remedy = remedy ?? Fault.usualRemedy(kind)
    }

    private static func usualRemedy(_ kind: TensorFileError.Kind) -> String {
        switch kind {
        case .missing: "check the path"
        case .unreadable: "check its permissions"
        case .truncated, .corrupt: "download or save it again"
        case .wrongFormat: "give a file of a supported format"
        case .unsupported: "save it again in a plain form"
        case .limit: "use it only if you trust where it comes from, and save it again in a plain form"
        case .unwritable: "check the folder, its permissions and the space left on the disk"
        }
    }
}

/// Runs `body`, and gives every fault inside it the file's name.
func naming<T>(_ url: URL, _ body: () throws -> T) throws(TensorFileError) -> T {
    do {
        return try body()
    } catch let fault as Fault {
        throw TensorFileError(fault.kind, file: url.relativePath, reason: fault.reason, remedy: fault.remedy)
    } catch let error as TensorFileError {
        throw error
    } catch {
        throw TensorFileError(.unreadable, file: url.relativePath, reason: "\(error)".printable(limit: 200), remedy: "check the file")
    }
}

extension String {
    /// Text from a file made fit for a one-line message: control characters escaped, and cut at `limit` characters.
    func printable(limit: Int = 80) -> String {
        var text = ""
        var length = 0
        for scalar in unicodeScalars {
            if length >= limit { return text + "…" }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
            text += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
            length += 1
        }
        return text
    }
}
