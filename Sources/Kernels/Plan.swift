import CKernels

/// The forward pass for images of one shape: its steps, and every map's place in one piece of
/// memory.
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

    /// The number of values of the images, and of the logits.
    public var imageCount: Int { batch * channels * height * width }
    /// Values of the logits [batch, classes, height, width].
    public var logitCount: Int { batch * classes * height * width }

    /// Images [batch, channels, height, width] → logits [batch, classes, height, width]. `memory`
    /// has ``memoryBytes`` bytes, aligned to 64.
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

/// The storages' places in one piece of memory; storages in use at the same time do not overlap.
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

    /// `logits` is the caller's memory, like the images.
    init(_ tape: Tape, logits: Int) {
        offsets = Array(repeating: 0, count: tape.storages.count)
        var blocks: [Block] = []
        /// The block of each storage; a result that overwrites an operand shares the operand's
        /// block.
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

    /// Places the largest first, each in the lowest gap between those in use at the same time.
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
