import Files
import Foundation
import Segmentation

/// Writes an event file that TensorBoard shows while it grows.
///
/// Each call is one write, so a reader never sees half an event for long and a killed run loses
/// nothing.
package final class TensorBoardWriter {
    /// The file, `events.out.tfevents.SECONDS.vmunet.N`.
    package let url: URL
    private let handle: FileHandle

    /// Starts a new file in `folder`, creating the folder if necessary; existing files stay.
    ///
    /// `firstStep` is the step at which a run continues: readers drop earlier files' values for
    /// it and later steps.
    ///
    /// Throws ``/Files/FileError`` if the folder cannot be written to.
    package init(folder: URL, firstStep: Int = 1) throws {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            url = try Self.newFile(in: folder)
            handle = try FileHandle(forWritingTo: url)
        } catch {
            throw FileError(
                .unwritable, file: folder.relativePath, reason: "the event file cannot be written (\(systemReason(error)))",
                remedy: "check its permissions and the disk's free space")
        }
        var first = Self.event(step: 0)
        first.add(3, "brain.Event:2")
        try write(first)
        var start = ProtobufMessage()
        start.add(1, Int64(1))  // SessionLog.START
        var event = Self.event(step: firstStep)
        event.add(7, start)
        try write(event)
    }

    /// Adds values of one step under their tags.
    package func add(_ scalars: [(tag: String, value: Double)], step: Int) throws {
        guard !scalars.isEmpty else { return }
        var summary = ProtobufMessage()
        for scalar in scalars {
            var value = ProtobufMessage()
            value.add(1, scalar.tag)
            value.add(2, Float(scalar.value))
            summary.add(1, value)
        }
        var event = Self.event(step: step)
        event.add(5, summary)
        try write(event)
    }

    private func write(_ event: ProtobufMessage) throws { try handle.write(contentsOf: Data(RecordFile.frame(event.bytes))) }

    private static func event(step: Int) -> ProtobufMessage {
        var event = ProtobufMessage()
        event.add(1, Date.now.timeIntervalSince1970)
        event.add(2, Int64(step))
        return event
    }

    /// TensorBoard reads files in the order of their names: seconds first, then a number, so that a
    /// run resumed within the same second comes after.
    private static func newFile(in folder: URL) throws -> URL {
        let seconds = Int(Date.now.timeIntervalSince1970)
        for number in 0..<10_000 {
            let digits = String(number)
            let name = "events.out.tfevents.\(seconds).vmunet." + String(repeating: "0", count: 4 - digits.count) + digits
            let url = folder.appending(path: name)
            let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 {
                close(descriptor)
                return url
            }
            guard errno == EEXIST else { break }
        }
        throw NSError(
            domain: NSCocoaErrorDomain, code: CocoaError.fileWriteUnknown.rawValue,
            userInfo: [NSUnderlyingErrorKey: NSError(domain: NSPOSIXErrorDomain, code: Int(errno))])
    }
}

/// A run's events for TensorBoard, in `RUN/tensorboard`. Steps are batches since the run's start,
/// also for values of epochs, so that all curves share an axis.
package final class TensorBoardLog {
    private let writer: TensorBoardWriter
    private let stepsPerEpoch: Int

    /// Continues after `steps` batches; 0 for a new run.
    package init(_ folder: RunFolder, stepsPerEpoch: Int, after steps: Int) throws {
        writer = try TensorBoardWriter(folder: folder.tensorBoard, firstStep: steps + 1)
        self.stepsPerEpoch = stepsPerEpoch
    }

    package func append(_ event: TrainingEvent) throws {
        switch event {
        case .step(let epoch, let step, let loss, let learningRate):
            try writer.add([("loss/step", loss), ("lr", learningRate)], step: (epoch - 1) * stepsPerEpoch + step)
        case .epoch(let record):
            var optional: [(String, Double?)] = [("loss/train", record.trainLoss), ("loss/val", record.validationLoss)]
            optional += BinaryMetric.all.map { ("scores/" + $0.name, record.scores?[$0]) }
            optional += [("epoch", Double(record.epoch)), ("seconds_per_epoch", record.seconds)]
            try writer.add(optional.compactMap { tag, value in value.map { (tag, $0) } }, step: record.epoch * stepsPerEpoch)
        }
    }
}

extension RunFolder {
    /// Event files for TensorBoard.
    public var tensorBoard: URL { url.appending(path: "tensorboard") }
}
