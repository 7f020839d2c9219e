import Files

/// A picture could not be read or written. `path` names the file; the description says what to do.
public enum PictureError: UserError, Equatable {
    /// The file is missing, is a folder, or must not be read.
    case unreadable(path: String, reason: String)
    /// The file has no bytes.
    case empty(path: String)
    /// The content is not a supported picture, whatever the name. `kind` says what it looks like,
    /// `advice` what to do.
    case notAPicture(path: String, kind: String, advice: String)
    /// The file is truncated or corrupt.
    case damaged(path: String, reason: String)
    /// The header claims more pixels than ``PictureFile/pixelLimit``.
    case tooLarge(path: String, width: Int, height: Int, limit: Int)
    /// A kind of picture that is not supported.
    case unsupported(path: String, reason: String)
    /// A picture that cannot be a map of labels.
    case notLabels(path: String, reason: String)
    /// The file could not be written; an existing one is untouched.
    case unwritable(path: String, reason: String)
    /// The picture is valid, but this machine has too little memory for it.
    case memory(path: String, reason: String)
    /// Two pictures that must match do not, or a size is impossible.
    case mismatch(operation: String, expected: String, got: String)

    /// The file, or the operation whose pictures do not fit.
    public var subject: String {
        switch self {
        case .unreadable(let path, _), .empty(let path), .notAPicture(let path, _, _), .damaged(let path, _), .tooLarge(let path, _, _, _),
            .unsupported(let path, _), .notLabels(let path, _), .unwritable(let path, _), .memory(let path, _):
            path
        case .mismatch(let operation, _, _): operation
        }
    }

    /// The fault, without the path.
    public var problem: String {
        switch self {
        case .unreadable(_, let reason): "cannot be read: \(reason)"
        case .empty: "is empty"
        case .notAPicture(_, let kind, _): "is \(kind), not a picture that can be read"
        case .damaged(_, let reason): "is damaged: \(reason)"
        case .tooLarge(_, let width, let height, let limit):
            "claims \(width)×\(height) pixels, the limit is \(limit / 1_000_000) million"
        case .unsupported(_, let reason), .memory(_, let reason): reason
        case .notLabels(_, let reason): "cannot be read as labels: \(reason)"
        case .unwritable(_, let reason): reason.hasPrefix("cannot be ") ? reason : "cannot be written: \(reason)"
        case .mismatch(_, let expected, let got): "expected \(expected), got \(got)"
        }
    }

    /// A way out for the user.
    public var remedy: String {
        switch self {
        case .unwritable(_, let reason): reason.hasPrefix("cannot be ") ? FileError.Kind.unwritable.usualRemedy : ""
        case .unreadable, .mismatch: ""
        case .empty, .damaged: "copy or download it again"
        case .notAPicture(_, _, let advice): advice
        case .tooLarge: "make it smaller"
        case .unsupported: "convert it to an 8-bit PNG or JPEG"
        case .notLabels: "save the mask as a grey or palette PNG whose values are the labels"
        case .memory: FileError.Kind.memory.usualRemedy
        }
    }

    /// `.memory` if memory ran out, otherwise `.input`.
    public var category: UserErrorCategory {
        if case .memory = self { .memory } else { .input }
    }

    /// The error for a file error that occurred while reading a picture.
    init(reading error: FileError) {
        switch error.kind {
        case .truncated, .corrupt: self = .damaged(path: error.file, reason: error.reason)
        case .memory: self = .memory(path: error.file, reason: error.reason)
        default: self = .unreadable(path: error.file, reason: error.reason)
        }
    }
}

/// Runs a body that reads a file, and turns its file errors into picture errors.
func reading<T>(_ body: () throws(FileError) -> T) throws(PictureError) -> T {
    do throws(FileError) {
        return try body()
    } catch {
        throw PictureError(reading: error)
    }
}
