import Torch

/// One process's part of a batch that several processes share.
///
/// A picture's random numbers depend on its place in the whole batch: every process draws the
/// numbers of all pictures, and takes those of its own.
package struct BatchPart: Sendable, Equatable {
    /// The place of its first picture in the batch.
    package let start: Int
    /// The number of its pictures; may be 0.
    package let count: Int
    /// The number of the batch's pictures.
    package let total: Int

    /// The part of process `rank` of `size`. Parts are consecutive, and their sizes differ by one
    /// picture at most.
    package init(of total: Int, rank: Int, size: Int) {
        start = rank * total / size
        count = (rank + 1) * total / size - start
        self.total = total
    }

    /// Its places in the batch.
    package var range: Range<Int> { start..<start + count }

    /// The part that a network runs on; nil for a whole batch.
    @TaskLocal package static var current: BatchPart?

    /// The rows of this process's `own` pictures, out of those that `draw` makes for the whole
    /// batch.
    static func rows(own: Int, _ draw: (Int) -> Tensor) -> Tensor {
        guard let part = current, part.count == own, part.total > own else { return draw(own) }
        return draw(part.total).narrowed(axis: 0, start: part.start, length: part.count)
    }
}
