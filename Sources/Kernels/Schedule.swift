/// The order in which a plan's steps take the images of a batch, for the caches' sake.
///
/// Where maps are large and matrices small, the first stages, one image goes through all steps
/// before the next one comes; where matrices are large, as many images as make their reading pay.
/// Row-wise steps in a row, such as a norm and the product behind it, take their rows piece by
/// piece, so that what is between them stays in a core's cache. No result depends on any of this.
struct Schedule {
    /// Steps that take the same images together.
    struct Pass {
        var steps: Range<Int>
        /// The most images at a time.
        let images: Int
        var runs: [Run] = []
    }

    /// Steps of a pass that take the same rows together.
    struct Run {
        let steps: Range<Int>
        /// An image's rows of tokens.
        let tokens: Int
        /// The most rows at a time; nil for all.
        var rows: Int?
    }

    private(set) var passes: [Pass] = []

    /// Images are taken together until a map has as many bytes: less is too little work to share.
    private static let leastMap = 512 << 10
    /// The bytes of the maps inside a piece; they stay in the second-level caches.
    private static let pieceBytes = 1 << 20
    /// Pieces have a multiple of these rows.
    private static let pieceRows = 64

    init(_ tape: Tape, batch: Int) {
        for level in Self.levels(of: tape.entries) {
            let images = min(batch, Self.images(for: tape.entries[level]))
            if let last = passes.last, last.images == images {
                passes[passes.count - 1].steps = last.steps.lowerBound..<level.upperBound
            } else {
                passes.append(Pass(steps: level, images: images))
            }
        }
        for i in passes.indices {
            passes[i].runs = Self.runs(of: passes[i].steps, in: tape).map { run in
                var run = run
                run.rows = Self.rows(for: run, of: passes[i].images, in: tape)
                return run
            }
        }
    }

    /// Successive steps whose results have the same number of tokens: a stage.
    private static func levels(of entries: [Tape.Entry]) -> [Range<Int>] {
        var levels: [Range<Int>] = []
        for i in entries.indices {
            if let last = levels.last, entries[last.lowerBound].tokens == entries[i].tokens {
                levels[levels.count - 1] = last.lowerBound..<i + 1
            } else {
                levels.append(i..<i + 1)
            }
        }
        return levels
    }

    /// As many images as make the maps as large as the matrices.
    private static func images(for entries: ArraySlice<Tape.Entry>) -> Int {
        var (bytes, weights) = (1, 0)
        for entry in entries { (bytes, weights) = (max(bytes, entry.bytes), max(weights, entry.weightBytes)) }
        return (max(weights, leastMap) + bytes - 1) / bytes
    }

    /// Row-wise steps together, others alone.
    private static func runs(of steps: Range<Int>, in tape: Tape) -> [Run] {
        var runs: [Run] = []
        for i in steps {
            let entry = tape.entries[i]
            if entry.step.isRowWise, let last = runs.last, tape.entries[i - 1].step.isRowWise, last.tokens == entry.tokens {
                runs[runs.count - 1] = Run(steps: last.steps.lowerBound..<i + 1, tokens: entry.tokens)
            } else {
                runs.append(Run(steps: i..<i + 1, tokens: entry.tokens))
            }
        }
        return runs
    }

    /// The rows of a piece: nil unless what only this run uses makes two pieces or more.
    private static func rows(for run: Run, of images: Int, in tape: Tape) -> Int? {
        guard run.steps.count > 1 else { return nil }
        var (rowBytes, weights) = (0, 0)
        for storage in tape.storages.dropFirst() where storage.isOf(run.steps) { rowBytes += storage.bytes / run.tokens }
        for entry in tape.entries[run.steps] { weights = max(weights, entry.weightBytes) }
        guard rowBytes > 0 else { return nil }
        let rows = (max(pieceBytes, weights) / rowBytes + pieceRows - 1) / pieceRows * pieceRows
        return 2 * rows <= images * run.tokens ? rows : nil
    }
}

extension Tape.Storage {
    /// True if only these steps use it.
    func isOf(_ steps: Range<Int>) -> Bool { steps.contains(firstStep) && steps.contains(lastStep) }
}
