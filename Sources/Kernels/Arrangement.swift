/// The storages' sites in one piece of memory; storages in use at the same time do not overlap.
struct Arrangement {
    /// By storage; those of the input and the logits, the caller's memory, are never used.
    private(set) var sites: [Site]
    private(set) var bytes = 0
    /// The most bytes in use at once, a lower bound for any arrangement.
    private(set) var liveBytes = 0

    private struct Block {
        let bytes: Int
        let first: Int
        var last: Int
        var offset = 0
    }

    /// The memory that a storage takes, and the steps during which it is in use.
    private struct Life {
        let bytes: Int
        let site: Site
        let first: Int
        let last: Int

        init(_ storage: Tape.Storage, batch: Int, _ schedule: Schedule) {
            var site = Site(imageBytes: storage.bytes)
            var (bytes, first, last) = (storage.bytes * batch, storage.firstStep, storage.lastStep)
            for pass in schedule.passes {
                let isOfPass = storage.isOf(pass.steps)
                if isOfPass {
                    site.isOfPass = true
                    bytes = storage.bytes * min(batch, pass.images)
                }
                for run in pass.runs {
                    guard let rows = run.rows else { continue }
                    if storage.isOf(run.steps) {
                        site.isOfPiece = true
                        bytes = storage.bytes / run.tokens * rows
                    } else {
                        // The next piece writes again what is written here, and reads what is read.
                        if run.steps.contains(storage.firstStep) { first = run.steps.lowerBound }
                        if run.steps.contains(storage.lastStep) { last = run.steps.upperBound - 1 }
                    }
                }
                // Likewise the next images, for what outlives the pass.
                if !isOfPass, pass.images < batch {
                    if pass.steps.contains(storage.firstStep) { first = pass.steps.lowerBound }
                    if pass.steps.contains(storage.lastStep) { last = pass.steps.upperBound - 1 }
                }
            }
            (self.bytes, self.site, self.first, self.last) = ((bytes + 63) & ~63, site, first, last)
        }
    }

    init(_ tape: Tape, batch: Int, _ schedule: Schedule, logits: Int) {
        sites = Array(repeating: Site(), count: tape.storages.count)
        var blocks: [Block] = []
        /// The block of each storage; a result that overwrites an operand shares the operand's
        /// block.
        var owner = Array(repeating: -1, count: tape.storages.count)
        let lives = tape.storages.map { Life($0, batch: batch, schedule) }
        for i in 1..<tape.storages.count where i != logits {
            let (storage, life) = (tape.storages[i], lives[i])
            if let operand = storage.inPlaceOf, owner[operand] >= 0, tape.storages[operand].lastStep == storage.firstStep,
                blocks[owner[operand]].last == lives[operand].last, lives[operand].bytes == life.bytes,
                lives[operand].site.isOfPass == life.site.isOfPass, lives[operand].site.isOfPiece == life.site.isOfPiece
            {
                owner[i] = owner[operand]
                blocks[owner[i]].last = max(blocks[owner[i]].last, life.last)
            } else {
                owner[i] = blocks.count
                blocks.append(Block(bytes: life.bytes, first: life.first, last: life.last))
            }
            sites[i] = life.site
        }
        place(&blocks)
        for i in owner.indices where owner[i] >= 0 { sites[i].offset = blocks[owner[i]].offset }
        for step in tape.entries.indices {
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
}
