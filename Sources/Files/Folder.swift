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

/// Folders on the disk.
package enum Folder {
    /// Makes a folder and those above it; one that is there already is fine.
    package static func make(_ url: URL) throws(FileError) {
        let path = url.path
        if isFolder(path) { return }
        let parent = url.standardizedFileURL.deletingLastPathComponent()
        if parent.path != url.standardizedFileURL.path, !isFolder(parent.path) { try make(parent) }
        guard mkdir(path, 0o777) == 0 || (errno == EEXIST && isFolder(path)) else {
            throw FileError(.unwritable, file: url.relativePath, reason: "the folder cannot be made: \(systemMessage())")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
