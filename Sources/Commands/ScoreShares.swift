import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The scores of a set that several processes score, each its share. A share's scores wait in a file
/// of their own, `scores.json.shares/2-of-8.json`, until the last to end joins them all.
struct ScoreShares {
    /// The share of this process.
    let shard: Shard
    /// The folder of the shares' files.
    private let folder: URL
    /// The set, the weights and the settings, so that only shares of one evaluation are joined.
    private let work: String

    /// A share's file.
    private struct Saved<Part: Codable>: Codable {
        let work: String
        let part: Part
    }

    /// Shares of the scores that go to `file`.
    init(_ shard: Shard, beside file: String, work: String) {
        (self.shard, self.work) = (shard, work)
        folder = URL(filePath: file + ".shares")
    }

    /// Saves this share's scores. Once those of every share are there, `deliver` gets them all, and
    /// their files are removed; false until then.
    ///
    /// Throws ``FileError`` if the folder cannot be written to, and what `deliver` throws.
    func join<Part: Codable>(_ part: Part, deliver: ([Part]) throws -> Void) throws -> Bool {
        try Folder.make(folder, option: "--json")
        // One at a time, so that exactly one process finds all shares.
        let lock = FolderLock.waiting(for: folder.path, isShared: false, wait: {}, isStopped: { false })
        defer { withExtendedLifetime(lock) {} }
        // Another process may have joined the shares and removed the folder in the meantime.
        try Folder.make(folder, option: "--json")
        let text = try JSONText.encode(Saved(work: work, part: part))
        try AtomicFile.write(Array((text + "\n").utf8), to: file(shard.index))
        var parts: [Part] = []
        for index in 0..<shard.count {
            guard let data = try? Data(contentsOf: file(index)),
                let saved = try? JSONDecoder().decode(Saved<Part>.self, from: data), saved.work == work
            else { return false }
            parts.append(saved.part)
        }
        try deliver(parts)
        for index in 0..<shard.count { try? FileManager.default.removeItem(at: file(index)) }
        // Shares of another evaluation, of another number, may still wait in it.
        if (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?.isEmpty == true {
            try? FileManager.default.removeItem(at: folder)
        }
        return true
    }

    private func file(_ index: Int) -> URL { folder.appending(path: "\(index + 1)-of-\(shard.count).json") }
}
