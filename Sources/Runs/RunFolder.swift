import Foundation
import TensorFiles

/// The folder of one training run: `config.yaml`, `metrics.jsonl`, `checkpoints/last.safetensors`, `checkpoints/best.safetensors`.
public struct RunFolder: Sendable {
    public let url: URL

    public var configuration: URL { url.appending(path: "config.yaml") }
    public var metrics: URL { url.appending(path: "metrics.jsonl") }
    /// Everything that a run needs to go on: weights, optimiser, position.
    public var last: URL { url.appending(path: "checkpoints/last.safetensors") }
    /// The weights of the epoch with the least validation loss.
    public var best: URL { url.appending(path: "checkpoints/best.safetensors") }

    /// A folder that is there already.
    public init(existing url: URL) { self.url = url }

    /// A new run's folder, made with its parents; throws ``RunFolderError`` if it holds a run already or cannot be written to.
    public static func create(_ url: URL) throws -> RunFolder {
        let run = RunFolder(existing: url)
        let files = FileManager.default
        if [run.configuration, run.metrics, run.last].contains(where: { files.fileExists(atPath: $0.path) }) {
            throw RunFolderError(
                folder: url.relativePath, reason: "it holds another run", remedy: "go on with it by --resume, or choose another --run")
        }
        try make(url.appending(path: "checkpoints"), option: "--run")
        do {
            // What cannot be written is better known now than after the first epoch.
            let probe = url.appending(path: ".writable")
            try Data().write(to: probe)
            try files.removeItem(at: probe)
        } catch {
            throw RunFolderError(
                folder: url.relativePath, reason: "it cannot be written to (\(reason(error)))",
                remedy: "choose another --run, or change its permissions")
        }
        return run
    }

    /// Makes a folder with its parents, if it is not there; throws ``RunFolderError`` with the system's reason. `option` is what the user may change.
    public static func make(_ url: URL, option: String) throws {
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
        throw RunFolderError(
            folder: url.relativePath, reason: "this folder cannot be made (\(String(cString: strerror(reason))))",
            remedy: "choose another \(option), or change the permissions")
    }

    /// The system's reason for an error of Foundation's, in its words.
    public static func reason(_ error: any Error) -> String {
        if let posix = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(posix.code)))
        }
        return (error as NSError).localizedDescription
    }
}

/// A run's folder while one process works in it; another one is refused. Let go of it, or die, and it is free.
final class RunLock {
    private let descriptor: Int32

    init(_ folder: RunFolder) throws {
        descriptor = open(folder.url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Where a file system has no locks, there is no guard either.
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        close(descriptor)
        throw RunFolderError(
            folder: folder.url.relativePath, reason: "another process is training in it",
            remedy: "wait until that has ended, or choose another --run")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

extension RunFolder {
    /// Removes what a process that was killed while it saved has left half-written. For whoever holds the ``RunLock``.
    func removeUnfinished() {
        let files = FileManager.default
        for folder in [url, last.deletingLastPathComponent()] {
            for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? [] where name.hasSuffix(".tmp") {
                let isOurs = [configuration, last, best].contains { name.hasPrefix(".\($0.lastPathComponent).") }
                if isOurs { try? files.removeItem(at: folder.appending(path: name)) }
            }
        }
    }
}

/// What is wrong with a run's folder, and what to do about it.
public struct RunFolderError: Error, Sendable, CustomStringConvertible, LocalizedError {
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
