import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The scores of a set that several processes score, each its share. Each share's scores are in a file
/// of their own, `scores.json.shares/2-of-8.json`; the last share to end joins them.
struct ScoreShares {
    /// The share of this process.
    let shard: Shard
    /// The folder of the shares' files.
    let folder: URL
    /// The set, the weights and the settings, so that only shares of one evaluation are joined.
    private let work: String
    /// The set's folder. A share that began before its last change does not count.
    private let data: URL
    /// Seconds since 1970.
    private let begun = Date().timeIntervalSince1970

    /// A share's file.
    private struct Saved<Part: Codable>: Codable {
        let work: String
        let begun: Double
        let part: Part
    }

    /// The state of the shares after one of them has ended.
    enum Outcome {
        /// All are there, and have been delivered.
        case joined
        /// This share's scores were there and joined before, and are the same.
        case unchanged
        /// Some are not there yet. Others, by their numbers, are of another evaluation, or older than
        /// the data.
        case waiting(misfits: [Int])
    }

    /// Shares of the scores that go to `file`.
    init(_ shard: Shard, beside file: String, of data: URL, work: String) {
        (self.shard, self.work, self.data) = (shard, work, data)
        folder = URL(filePath: file + ".shares")
    }

    /// Saves this share's scores. Once those of every share are there, `deliver` gets them all, unless
    /// that would change nothing: `isDelivered` tells whether the joined scores are there.
    ///
    /// Throws ``FileError`` if the folder cannot be written to, and what `deliver` throws.
    func join<Part: Codable & Equatable>(_ part: Part, isDelivered: Bool, deliver: ([Part]) throws -> Void) throws -> Outcome {
        try Folder.make(folder, option: "--json")
        // One at a time, so that exactly one process finds all shares.
        let lock = FolderLock.waiting(for: folder.path, isShared: false, wait: {}, isStopped: { false })
        defer { withExtendedLifetime(lock) {} }
        let earlier: Saved<Part>? = saved(shard.index)
        try AtomicFile.write(
            Array((JSONText.encode(Saved(work: work, begun: begun, part: part)) + "\n").utf8), to: file(shard.index))
        let latest = FolderListing.latestChange(of: data)
        var (parts, misfits): ([Part], [Int]) = ([], [])
        for index in 0..<shard.count {
            guard FileManager.default.fileExists(atPath: file(index).path) else { continue }
            if let saved: Saved<Part> = saved(index), saved.work == work, saved.begun >= latest {
                parts.append(saved.part)
            } else {
                misfits.append(index + 1)
            }
        }
        guard parts.count == shard.count else { return .waiting(misfits: misfits) }
        if isDelivered, let earlier, earlier.work == work, earlier.begun >= latest, earlier.part == part { return .unchanged }
        try deliver(parts)
        return .joined
    }

    /// A share's scores; nil if there are none that can be read.
    private func saved<Part>(_ index: Int) -> Saved<Part>? {
        (try? Data(contentsOf: file(index))).flatMap { try? JSONDecoder().decode(Saved<Part>.self, from: $0) }
    }

    private func file(_ index: Int) -> URL { folder.appending(path: "\(index + 1)-of-\(shard.count).json") }
}
