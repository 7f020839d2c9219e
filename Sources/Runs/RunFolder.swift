import Files
import Foundation
import Segmentation
import TensorFiles

/// The folder of one training run: `config.yaml`, `metrics.jsonl`, `checkpoints/last.safetensors`,
/// `checkpoints/best.safetensors`.
public struct RunFolder: Sendable {
    /// The folder.
    public let url: URL

    /// The run's settings: `config.yaml`.
    public var configuration: URL { url.appending(path: "config.yaml") }
    /// A line per step and epoch: `metrics.jsonl`.
    public var metrics: URL { url.appending(path: "metrics.jsonl") }
    /// Everything that a run needs to continue: weights, optimiser state, position.
    public var last: URL { url.appending(path: "checkpoints/last.safetensors") }
    /// The weights of the epoch with the least validation loss.
    public var best: URL { url.appending(path: "checkpoints/best.safetensors") }

    /// An existing folder.
    public init(existing url: URL) { self.url = url }

    /// Creates a new run's folder and its parents. Throws ``/Files/FileError`` if it already
    /// holds a run or cannot be written to.
    public static func create(_ url: URL) throws -> RunFolder {
        let run = RunFolder(existing: url)
        let files = FileManager.default
        if [run.configuration, run.metrics, run.last].contains(where: { files.fileExists(atPath: $0.path) }) {
            throw FileError(
                .occupied, file: url.relativePath, reason: "it holds another run",
                remedy: "continue it with --resume, or choose another --run")
        }
        try Folder.make(url.appending(path: "checkpoints"), option: "--run")
        // Find out now, not after the first epoch, that nothing can be written.
        guard let probe = TemporaryFile(in: url.path) else {
            throw FileError(
                .unwritable, file: url.relativePath, reason: "it is not writable (\(systemMessage()))",
                remedy: "choose another --run, or change its permissions")
        }
        unlink(probe.path)
        close(probe.descriptor)
        return run
    }
}

/// Locks a run's folder for one process; released when the object or the process ends.
package final class RunLock {
    private let lock: FolderLock

    package init(_ folder: RunFolder) throws {
        guard let lock = FolderLock(folder.url.path) else {
            throw FileError(
                .occupied, file: folder.url.relativePath, reason: "another process is training in it",
                remedy: "wait until that has ended, or choose another --run")
        }
        self.lock = lock
    }
}

extension RunFolder {
    /// Removes half-written files of a process that was killed while saving. Call it with the
    /// ``RunLock`` held.
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

/// The system's reason behind an error of Foundation's.
func systemReason(_ error: any Error) -> String {
    if let error = error as? FileError { return error.reason }
    let error = error as NSError
    guard let posix = error.userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain else {
        return error.localizedDescription
    }
    return String(cString: strerror(Int32(posix.code)))
}
