/// Why a picture could not be read or written; `path` names the file, the description says what to do about it.
public enum PictureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is missing, is a folder, or may not be read.
    case unreadable(path: String, reason: String)
    /// The file holds no byte.
    case empty(path: String)
    /// The content is not a PNG or JPEG, whatever the name says; `kind` tells what it looks like.
    case notAPicture(path: String, kind: String)
    /// The file is cut off or corrupt.
    case damaged(path: String, reason: String)
    /// The header claims more pixels than ``PictureFile/pixelLimit``.
    case tooLarge(path: String, width: Int, height: Int, limit: Int)
    /// A PNG or JPEG of a kind that is not read.
    case unsupported(path: String, reason: String)
    /// A picture that cannot be a map of labels.
    case notLabels(path: String, reason: String)
    /// The file could not be written; what was there before is untouched.
    case unwritable(path: String, reason: String)
    /// Two pictures that must match do not, or a size makes no sense.
    case mismatch(operation: String, expected: String, got: String)

    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): cannot be read: \(reason)"
        case .empty(let path): "\(path): is empty; copy or download it again"
        case .notAPicture(let path, let kind): "\(path): is \(kind), not a PNG or JPEG; convert it to PNG or JPEG"
        case .damaged(let path, let reason): "\(path): is damaged: \(reason); copy or download it again"
        case .tooLarge(let path, let width, let height, let limit):
            "\(path): claims \(width)×\(height) pixels, the limit is \(limit / 1_000_000) million; make it smaller"
        case .unsupported(let path, let reason): "\(path): \(reason); convert it to an 8-bit PNG or JPEG"
        case .notLabels(let path, let reason):
            "\(path): cannot be read as labels: \(reason); save the mask as a grey or palette PNG whose values are the labels"
        case .unwritable(let path, let reason): "\(path): cannot be written: \(reason)"
        case .mismatch(let operation, let expected, let got): "\(operation): expected \(expected), got \(got)"
        }
    }
}
