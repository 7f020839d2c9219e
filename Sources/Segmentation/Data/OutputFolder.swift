import Foundation

/// Folders that results go into.
package enum OutputFolder {
    /// Makes a folder with its parents, if it is not there; throws ``FolderError`` with the system's reason. `option` is what the user may change.
    package static func make(_ url: URL, option: String) throws {
        func make(_ path: String, _ attempts: Int) -> Int32 {
            if mkdir(path, 0o777) == 0 { return 0 }
            let reason = errno
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) { return isFolder.boolValue ? 0 : ENOTDIR }
            guard reason == ENOENT, attempts > 0 else { return reason }
            let above = make((path as NSString).deletingLastPathComponent, attempts - 1)
            return above == 0 ? (mkdir(path, 0o777) == 0 || errno == EEXIST ? 0 : errno) : above
        }
        let reason = make(url.standardizedFileURL.path, 256)
        guard reason != 0 else { return }
        throw FolderError(
            folder: url.relativePath, reason: "this folder cannot be made (\(String(cString: strerror(reason))))",
            remedy: "choose another \(option), or change the permissions")
    }

    /// The system's reason for an error of Foundation's, in its words.
    package static func reason(_ error: any Error) -> String {
        if let posix = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(posix.code)))
        }
        return (error as NSError).localizedDescription
    }
}

/// What is wrong with a folder, and what to do about it.
public struct FolderError: Error, Sendable, CustomStringConvertible, LocalizedError {
    public let folder: String
    public let reason: String
    public let remedy: String

    public init(folder: String, reason: String, remedy: String) {
        self.folder = folder
        self.reason = reason
        self.remedy = remedy
    }

    public var description: String { "\(folder): \(reason); \(remedy)" }
    public var errorDescription: String? { description }
}
