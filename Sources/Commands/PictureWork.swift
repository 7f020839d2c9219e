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
    let results: ResultFiles

    /// The findings to record for a picture.
    struct Found: Sendable {
        /// Each label's number of pixels.
        let counts: [Int]
        let doubt: Doubt?
        /// The distance from the training pictures; nil if the weights do not record them.
        let distance: Double?
    }

    /// Segments the picture and writes its results.
    func run(_ segmenter: Segmenter) throws -> Found {
        let picture = try PictureFile.read(picture)
        let found = try segmenter.segment(picture)
        try PictureFile.write(found.mask, to: results.mask)
        if let overlay = results.overlay { try PictureFile.write(try Overlay.draw(found.mask, on: picture), to: overlay) }
        if let probability = results.probabilities.first { try PictureFile.write(found.probability, to: probability) }
        if let uncertainty = results.uncertainty, let map = found.uncertainty { try PictureFile.write(map, to: uncertainty) }
        return Found(
            counts: Self.count(found.mask.pixels), doubt: found.doubt, distance: segmenter.metadata.familiarity?.distance(of: picture))
    }

    /// Runs several at the same time. Nil for those that `stop` kept from starting. `finished`
    /// receives the number of pictures done and the index of the last.
    static func run(
        _ works: [PictureWork], _ segmenter: Segmenter, stop: StopSignal, finished: @Sendable (_ done: Int, _ index: Int) -> Void
    ) -> [Result<Found, any Error>?] {
        let outcomes = Mutex<[Result<Found, any Error>?]>(Array(repeating: nil, count: works.count))
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
