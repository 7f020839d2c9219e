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
        do {
            try files.createDirectory(at: url.appending(path: "checkpoints"), withIntermediateDirectories: true)
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

    static func reason(_ error: any Error) -> String {
        if let posix = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(posix.code)))
        }
        return (error as NSError).localizedDescription
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
