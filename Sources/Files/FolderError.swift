#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A fault of a folder for results or data, with a remedy.
public struct FolderError: UserError, LocalizedError {
    /// The folder, or a file in it.
    public let folder: String
    /// The fault.
    public let reason: String
    /// A way out for the user.
    public let remedy: String

    /// An error about `folder`; `reason` and `remedy` are clauses without a full stop.
    public init(folder: String, reason: String, remedy: String) {
        self.folder = folder
        self.reason = reason
        self.remedy = remedy
    }

    /// The ``folder``.
    public var subject: String { folder }
    /// The ``reason``.
    public var problem: String { reason }
    /// The description.
    public var errorDescription: String? { description }
}

extension Folder {
    /// Creates a folder and its parents; `option` names what the user can change if that fails.
    package static func make(_ url: URL, option: String) throws(FolderError) {
        do {
            try make(url)
        } catch {
            throw FolderError(
                folder: url.relativePath, reason: error.reason, remedy: "choose another \(option), or change the permissions")
        }
    }
}
