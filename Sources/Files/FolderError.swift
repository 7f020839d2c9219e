#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What is wrong with a folder that results go into or come from, and what to do about it.
public struct FolderError: UserError, LocalizedError {
    /// The folder, or a file in it.
    public let folder: String
    /// What is wrong.
    public let reason: String
    /// What to do about it.
    public let remedy: String

    /// An error about `folder`; `reason` and `remedy` are clauses without a full stop.
    public init(folder: String, reason: String, remedy: String) {
        self.folder = folder
        self.reason = reason
        self.remedy = remedy
    }

    /// As ``folder``.
    public var subject: String { folder }
    /// As ``reason``.
    public var problem: String { reason }
    /// As the description.
    public var errorDescription: String? { description }
}

extension Folder {
    /// Makes a folder and those above it; `option` is what a user may change where that cannot be.
    package static func make(_ url: URL, option: String) throws(FolderError) {
        do {
            try make(url)
        } catch {
            throw FolderError(
                folder: url.relativePath, reason: error.reason, remedy: "choose another \(option), or change the permissions")
        }
    }
}
