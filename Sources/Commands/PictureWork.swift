import Imaging
import Segmentation
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A picture to segment, and the files to make from it.
struct PictureWork: Sendable {
    let picture: URL
    /// The mask; then overlay and probability if requested.
    let results: [URL]
    let overlay: Bool
    let probability: Bool

    /// Segments the picture and writes its results. Returns each label's number of pixels.
    func run(_ segmenter: Segmenter) throws -> [Int] {
        let picture = try PictureFile.read(picture)
        let found = try segmenter.segment(picture)
        try PictureFile.write(found.mask, to: results[0])
        if overlay { try PictureFile.write(try Overlay.draw(found.mask, on: picture), to: results[1]) }
        if probability, let last = results.last { try PictureFile.write(found.probability, to: last) }
        return Self.count(found.mask.pixels)
    }

    /// Runs several at the same time. Nil for those that `stop` kept from starting. `finished`
    /// receives the number of pictures done and the index of the last.
    static func run(
        _ works: [PictureWork], _ segmenter: Segmenter, stop: StopSignal, finished: @Sendable (_ done: Int, _ index: Int) -> Void
    ) -> [Result<[Int], any Error>?] {
        let outcomes = Mutex<[Result<[Int], any Error>?]>(Array(repeating: nil, count: works.count))
        let done = Atomic(0)
        segmenter.network.sideBySide(works.count) { index in
            guard !stop.isSet else { return }
            let outcome = Result { try works[index].run(segmenter) }
            outcomes.withLock { $0[index] = outcome }
            finished(done.add(1, ordering: .relaxed).newValue, index)
        }
        return outcomes.withLock(\.self)
    }

    /// Each label's pixels or voxels.
    static func count(_ labels: [UInt8]) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        for label in labels { counts[Int(label)] += 1 }
        return counts
    }

    /// Pixels of a picture above which it is segmented alone, since each takes much memory.
    private static let largestOfMany = 60_000_000

    /// True if a picture may be segmented beside others. One whose header cannot be read may: it
    /// takes no memory.
    static func isOneOfMany(_ picture: URL) -> Bool {
        guard let size = try? PictureFile.size(of: picture) else { return true }
        return size.width * size.height <= largestOfMany
    }
}
