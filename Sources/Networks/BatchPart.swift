import Torch

/// The pictures of a batch that this process has, where several processes share the batch.
///
/// What a network draws at random for a picture is a function of the picture's place in the whole
/// batch: every process draws for all, and takes its own.
package struct BatchPart: Sendable, Equatable {
    /// The place of its first picture in the batch.
    package let start: Int
    /// Its pictures; may be 0.
    package let count: Int
    /// The batch's pictures.
    package let total: Int

    /// The part of process `rank` of `size`: parts are consecutive, and differ by one picture at
    /// most.
    package init(of total: Int, rank: Int, size: Int) {
        start = rank * total / size
        count = (rank + 1) * total / size - start
        self.total = total
    }

    /// Its places in the batch.
    package var range: Range<Int> { start..<start + count }

    /// Set while a network runs on a part.
    @TaskLocal package static var current: BatchPart?

    /// `draw(n)` for the n pictures of the batch that `own` are a part of, and then these pictures'
    /// rows.
    static func rows(own: Int, _ draw: (Int) -> Tensor) -> Tensor {
        guard let part = current, part.count == own, part.total > own else { return draw(own) }
        return draw(part.total).narrowed(axis: 0, start: part.start, length: part.count)
    }
}
