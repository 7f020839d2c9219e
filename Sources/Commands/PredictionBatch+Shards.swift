import Files
import Segmentation

extension PredictionBatch {
    /// Writes `predictions.json` in the list's order once every share has entries for all its
    /// inputs with these weights and settings. Every share tries; the last to finish succeeds.
    func join() throws {
        guard let shard, let folder = target.recordFolder else { return }
        let entries = try (0..<shard.count).map { index in
            let file = try PredictionFile(in: folder, shard: Shard(index: index, count: shard.count))
            return Dictionary(file.records.map { ($0.input, $0) }) { $1 }
        }
        var joined = try PredictionFile(in: folder)
        let until = joined.records.isEmpty ? "" : ", which lists earlier results until then"
        var (isWaiting, misfits): (Bool, Set<Int>) = (false, [])
        for (position, item) in list.items.enumerated() {
            let share = position % shard.count
            // Not the place: another machine may have the files under another real path.
            if let entry = entries[share][item.path], entry.source?.state == InputIdentity(item).state, entry.weights == recordedDigest,
                entry.settings == settings(item)
            {
                joined.add(entry)
            } else {
                isWaiting = true
                // A share at work lists its inputs as unfinished.
                let isAtWork = entries[share].isEmpty || entries[share].values.contains { $0.error == PredictionRecord.unfinished }
                if !isAtWork { misfits.insert(share + 1) }
            }
        }
        guard !isWaiting else {
            Console.note("share \(shard) is done; the last to end joins the results in \(PredictionFile.name)\(until)")
            guard !misfits.isEmpty else { return }
            return Console.note("note: \(Shard.misfits(misfits.sorted(), of: "other inputs, paths, weights or settings"))")
        }
        try joined.write()
        Console.note("all \(shard.count) shares are done: \(PredictionFile.name) lists their \(counted(list.items.count, "input"))")
    }
}
