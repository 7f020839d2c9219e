#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Creates folders.
package enum Folder {
    /// Creates a folder and its parents; an existing one is fine.
    package static func make(_ url: URL) throws(FileError) {
        let path = url.path
        if isFolder(path) { return }
        let parent = url.standardizedFileURL.deletingLastPathComponent()
        if parent.path != url.standardizedFileURL.path, !isFolder(parent.path) { try make(parent) }
        guard mkdir(path, 0o777) == 0 || (errno == EEXIST && isFolder(path)) else {
            throw FileError(.unwritable, file: url.relativePath, reason: "the folder cannot be created: \(systemMessage())")
        }
    }

    /// Creates a folder and its parents; `option` names what the user can change if that fails.
    package static func make(_ url: URL, option: String) throws(FileError) {
        do {
            try make(url)
        } catch {
            throw FileError(
                error.kind, file: url.relativePath, reason: error.reason,
                remedy: "choose another \(option), or change the permissions")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
