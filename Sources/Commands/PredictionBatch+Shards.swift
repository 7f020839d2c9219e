import Files
import Segmentation

extension PredictionBatch {
    /// Writes `predictions.json` in the list's order once every share has entries for all its
    /// inputs with these weights and settings. Every share tries; the last to finish succeeds.
    func join() throws {
        guard let shard, let folder = target.recordFolder else { return }
        let files = try (0..<shard.count).map { try PredictionFile(in: folder, shard: Shard(index: $0, count: shard.count)) }
        var joined = try PredictionFile(in: folder)
        for (position, item) in list.items.enumerated() {
            guard let entry = files[position % shard.count].entry(item.path, weights: recordedDigest, settings: settings(item)) else {
                return Console.note("share \(shard) is done; the last to end joins the results in \(PredictionFile.name)")
            }
            joined.add(entry)
        }
        try joined.write()
        Console.note("all \(shard.count) shares are done: \(PredictionFile.name) lists their \(counted(list.items.count, "input"))")
    }
}
