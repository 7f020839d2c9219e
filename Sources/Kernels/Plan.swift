import CKernels

/// The forward pass for images of one shape: its steps, and where in one piece of memory every map lies.
///
/// A plan does not change; several threads may run one at the same time, each in memory of its own.
public final class Plan: @unchecked Sendable {
    public let batch: Int
    /// Channels of the images: the network's, or 1.
    public let channels: Int
    public let height: Int
    public let width: Int
    public let classes: Int
    /// Bytes of memory that a run wants.
    public let memoryBytes: Int
    /// The most bytes of maps that are in use at once: no arrangement takes less.
    public let liveBytes: Int

    private let steps: [Step]
    private let offsets: [Int]
    private let logitsStorage: Int
    private let weights: KernelWeights

    init(_ tape: Tape, images: KernelsEngine.Tensor, logits: KernelsEngine.Tensor) {
        (batch, channels, height, width) = (images.batch, images.channels, images.height, images.width)
        classes = logits.channels
        steps = tape.steps
        weights = tape.weights
        logitsStorage = logits.place.storage
        let arrangement = Arrangement(tape, logits: logitsStorage)
        (offsets, memoryBytes, liveBytes) = (arrangement.offsets, arrangement.bytes, arrangement.liveBytes)
    }

    /// Values of the images, and of the logits.
    public var imageCount: Int { batch * channels * height * width }
    public var logitCount: Int { batch * classes * height * width }

    /// Logits [batch, classes, height, width] of images [batch, channels, height, width]. `memory` has ``memoryBytes`` bytes,
    /// aligned to 64.
    public func run(
        images: UnsafePointer<Float>, logits: UnsafeMutablePointer<Float>, memory: UnsafeMutableRawPointer
    ) {
        offsets.withUnsafeBufferPointer { offsets in
            let memory = Memory(
                images: images, logits: logits, logitsStorage: logitsStorage, maps: memory, offsets: offsets.baseAddress!)
            for step in steps { step.run(memory) }
        }
    }
}

/// Every storage's place in one piece of memory: those that are in use at the same time do not overlap.
private struct Arrangement {
    private(set) var offsets: [Int]
    private(set) var bytes = 0
    private(set) var liveBytes = 0

    private struct Block {
        let storage: Int
        let bytes: Int
        let first: Int
        var last: Int
        var offset = 0
    }

    /// `logits` is the caller's memory, as the images are.
    init(_ tape: Tape, logits: Int) {
        offsets = Array(repeating: 0, count: tape.storages.count)
        var blocks: [Block] = []
        /// The block of each storage; a result that overwrites an operand shares that one's.
        var owner = Array(repeating: -1, count: tape.storages.count)
        for i in 1..<tape.storages.count where i != logits {
            let storage = tape.storages[i]
            if let operand = storage.inPlaceOf, owner[operand] >= 0, tape.storages[operand].lastStep == storage.firstStep,
                blocks[owner[operand]].last == storage.firstStep, blocks[owner[operand]].bytes == Self.aligned(storage.bytes)
            {
                owner[i] = owner[operand]
                blocks[owner[i]].last = storage.lastStep
            } else {
                owner[i] = blocks.count
                blocks.append(
                    Block(storage: i, bytes: Self.aligned(storage.bytes), first: storage.firstStep, last: storage.lastStep))
            }
        }
        place(&blocks)
        for i in owner.indices where owner[i] >= 0 { offsets[i] = blocks[owner[i]].offset }
        for step in tape.steps.indices {
            let live = blocks.reduce(0) { $1.first <= step && step <= $1.last ? $0 + $1.bytes : $0 }
            liveBytes = max(liveBytes, live)
        }
    }

    /// The largest first, each in the lowest gap between those that it meets in time.
    private mutating func place(_ blocks: inout [Block]) {
        var order = Array(blocks.indices)
        order.sort { blocks[$0].bytes != blocks[$1].bytes ? blocks[$0].bytes > blocks[$1].bytes : $0 < $1 }
        var placed: [Int] = []  // by offset
        for i in order {
            var offset = 0
            for other in placed where blocks[other].first <= blocks[i].last && blocks[i].first <= blocks[other].last {
                if offset + blocks[i].bytes <= blocks[other].offset { break }
                offset = max(offset, blocks[other].offset + blocks[other].bytes)
            }
            blocks[i].offset = offset
            bytes = max(bytes, offset + blocks[i].bytes)
            placed.insert(i, at: placed.firstIndex { blocks[$0].offset > offset } ?? placed.count)
        }
    }

    private static func aligned(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}
