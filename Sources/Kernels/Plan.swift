/// The forward pass for images of one shape: its steps, the order in which they take the images,
/// and every map's place in one piece of memory.
///
/// A plan never changes; several threads may run one at the same time, each with its own memory.
public final class Plan: @unchecked Sendable {
    /// Images.
    public let batch: Int
    /// The images' channels: the network's number, or 1.
    public let channels: Int
    /// Rows of an image.
    public let height: Int
    /// Columns of an image.
    public let width: Int
    /// Classes of the logits.
    public let classes: Int
    /// The bytes of memory that a run needs.
    public let memoryBytes: Int
    /// The most bytes of maps in use at once, a lower bound for any arrangement.
    public let liveBytes: Int

    private let steps: [Step]
    private let schedule: Schedule
    private let sites: [Site]
    private let logitsStorage: Int
    private let weights: KernelWeights

    init(_ tape: Tape, batch: Int, image: KernelsEngine.Tensor, logits: KernelsEngine.Tensor) {
        (self.batch, channels, height, width) = (batch, image.channels, image.height, image.width)
        classes = logits.channels
        steps = tape.entries.map { $0.step }
        weights = tape.weights
        logitsStorage = logits.place.storage
        schedule = Schedule(tape, batch: batch)
        let arrangement = Arrangement(tape, batch: batch, schedule, logits: logitsStorage)
        (sites, memoryBytes, liveBytes) = (arrangement.sites, arrangement.bytes, arrangement.liveBytes)
    }

    /// The number of values of the images, and of the logits.
    public var imageCount: Int { batch * channels * height * width }
    /// Values of the logits [batch, classes, height, width].
    public var logitCount: Int { batch * classes * height * width }

    /// Images [batch, channels, height, width] → logits [batch, classes, height, width]. `memory`
    /// has ``memoryBytes`` bytes, aligned to 64.
    public func run(
        images: UnsafePointer<Float>, logits: UnsafeMutablePointer<Float>, memory: UnsafeMutableRawPointer
    ) {
        sites.withUnsafeBufferPointer { sites in
            var window = Window(
                input: images, logits: logits, maps: memory, sites: sites.baseAddress!, logitsStorage: logitsStorage,
                inputCount: imageCount / batch, logitCount: logitCount / batch)
            for pass in schedule.passes {
                for first in stride(from: 0, to: batch, by: pass.images) {
                    window.firstImage = first
                    window.images = Int64(min(pass.images, batch - first))
                    for run in pass.runs { self.run(run, &window) }
                }
            }
        }
    }

    private func run(_ run: Schedule.Run, _ window: inout Window) {
        guard let most = run.rows else {
            for step in run.steps { steps[step].run(window) }
            return
        }
        let rows = Int(window.images) * run.tokens
        for first in stride(from: 0, to: rows, by: most) {
            window.piece = first..<min(first + most, rows)
            for step in run.steps { steps[step].run(window) }
        }
        window.piece = nil
    }
}
