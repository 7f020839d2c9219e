import Files
import Foundation
import Segmentation

/// Appends events to `metrics.jsonl`, one per line, as they happen.
package final class MetricsLog {
    private let handle: FileHandle
    private let url: URL
    private let encoder: JSONEncoder

    /// Continues after `position`. Cuts off steps and epochs that a stopped run wrote after its
    /// checkpoint: they will be written again.
    package init(_ url: URL, after position: TrainingPosition) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        self.encoder = encoder
        self.url = url
        let kept = try Self.read(url).filter { event in
            switch event {
            case .step(let epoch, let step, _, _): epoch <= position.epoch || (epoch == position.epoch + 1 && step <= position.step)
            case .epoch(let record): record.epoch <= position.epoch
            }
        }
        let lines = try kept.map { try encoder.encode($0) + Data("\n".utf8) }
        do {
            try AtomicFile.write(Array(lines.joined()), to: url)
            handle = try FileHandle(forWritingTo: url)
            try handle.seekToEnd()
        } catch {
            throw Self.unwritable(url, error)
        }
    }

    package func append(_ event: TrainingEvent) throws {
        let line = try encoder.encode(event) + Data("\n".utf8)
        do { try handle.write(contentsOf: line) } catch { throw Self.unwritable(url, error) }
    }

    private static func unwritable(_ url: URL, _ error: any Error) -> FileError {
        FileError(
            .unwritable, file: url.relativePath, reason: "cannot be written: \(systemReason(error))",
            remedy: "check its permissions and the disk's free space, then continue with --resume")
    }

    /// The events of a file; none if there is no file. Skips a last line that was cut off while it
    /// was written.
    static func read(_ url: URL) throws -> [TrainingEvent] {
        guard FileManager.default.fileExists(atPath: url.path) else { return [] }
        let decoder = JSONDecoder()
        return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).compactMap {
            try? decoder.decode(TrainingEvent.self, from: $0)
        }
    }
}

extension RunFolder {
    /// The events in `metrics.jsonl` so far.
    public func events() throws -> [TrainingEvent] { try MetricsLog.read(metrics) }
}
