import Files
import Foundation
import Segmentation
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

    /// A new run's folder, made with its parents; throws ``FolderError`` if it holds a run already or cannot be written to.
    public static func create(_ url: URL) throws -> RunFolder {
        let run = RunFolder(existing: url)
        let files = FileManager.default
        if [run.configuration, run.metrics, run.last].contains(where: { files.fileExists(atPath: $0.path) }) {
            throw FolderError(
                folder: url.relativePath, reason: "it holds another run", remedy: "go on with it by --resume, or choose another --run")
        }
        try Folder.make(url.appending(path: "checkpoints"), option: "--run")
        // What cannot be written is better known now than after the first epoch.
        guard let probe = TemporaryFile(in: url.path) else {
            throw FolderError(
                folder: url.relativePath, reason: "it cannot be written to (\(systemMessage()))",
                remedy: "choose another --run, or change its permissions")
        }
        unlink(probe.path)
        close(probe.descriptor)
        return run
    }
}

/// A run's folder while one process works in it; another one is refused. Let go of it, or die, and it is free.
package final class RunLock {
    private let descriptor: Int32

    package init(_ folder: RunFolder) throws {
        descriptor = open(folder.url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // Where a file system has no locks, there is no guard either.
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        close(descriptor)
        throw FolderError(
            folder: folder.url.relativePath, reason: "another process is training in it",
            remedy: "wait until that has ended, or choose another --run")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

extension RunFolder {
    /// Removes what a process that was killed while it saved has left half-written. For whoever holds the ``RunLock``.
    package func removeUnfinished() {
        let files = FileManager.default
        for folder in [url, last.deletingLastPathComponent()] {
            TemporaryFile.removeAbandoned(in: folder.path)
            for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? [] where name.hasSuffix(".tmp") {
                let isOurs = [configuration, last, best].contains { name.hasPrefix(".\($0.lastPathComponent).") }
                if isOurs { try? files.removeItem(at: folder.appending(path: name)) }
            }
        }
    }
}

/// The system's reason for an error of Foundation's, in its words.
func systemReason(_ error: any Error) -> String {
    if let error = error as? FileError { return error.reason }
    let error = error as NSError
    guard let posix = error.userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain else {
        return error.localizedDescription
    }
    return String(cString: strerror(Int32(posix.code)))
}
