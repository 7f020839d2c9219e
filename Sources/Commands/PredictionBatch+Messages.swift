import Files
import Imaging
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The messages of a batch: failures, notes, and the result at the end.
extension PredictionBatch {
    mutating func fail(_ item: InputList.Item, _ error: any Error) throws {
        let text = Failure.message(of: error)
        let line = text.contains(item.url.lastPathComponent) ? text : "\(item.path): \(text)"
        failures.append(line)
        var record = PredictionRecord(
            input: item.path, source: InputIdentity(item), files: [], weights: recordedDigest, settings: settings(item))
        record.error = line
        file?.add(record)
        // A disk that can no longer be written to fails all other inputs, too.
        if let folder = target.recordFolder, !FileManager.default.isWritableFile(atPath: folder.path) { throw error }
    }

    mutating func tellOnce(_ text: String) {
        if told.insert(text).inserted { Console.note("note: " + text) }
    }

    mutating func tellOnce(_ assumptions: [String]) {
        if !assumptions.isEmpty {
            tellOnce("the weights do not record the form of their input; assuming " + assumptions.joined(separator: "; "))
        }
    }

    /// Warns about a series of another modality than that of training, as far as both are recorded.
    mutating func tellModality(_ item: InputList.Item) {
        let note = Modality.note(series: item.series?.modality, weights: segmenter.metadata.modality)
        if let note { tellOnce("\(item.path): \(note)") }
    }

    /// Lists which results belong to which inputs if inputs have equal names.
    func tellMapping() {
        for index in names.renamed.prefix(20) {
            guard let name = names.names[index] else { continue }
            let item = list.items[index]
            let mask = target.results(item, name: name, wanted).mask
            Console.note("\(item.path) → \(mask.lastPathComponent)")
        }
        if names.renamed.count > 20 { Console.note("… and \(names.renamed.count - 20) more, in \(PredictionFile.name)") }
    }

    /// Warns about a picture unlike the training pictures.
    mutating func tellFamiliarity(_ item: InputList.Item, _ distance: Double?) -> PredictionRecord.Familiarity? {
        guard let distance, let limit = segmenter.metadata.familiarity?.limit else { return nil }
        let found = PredictionRecord.Familiarity(distance: distance, limit: limit)
        if found.isUnlike {
            tellOnce(
                "\(item.path): unlike the pictures of training (distance \(fixedPoint(distance, digits: 1)); 99 of 100 of them lie within "
                    + "\(fixedPoint(limit, digits: 1))): do not trust the mask unseen")
        }
        return found
    }

    /// Prints the number of passes that the pictures take, if it is more than one each.
    func tellWork() {
        let work = segmenter.work { list.items.filter { !$0.isVolume }.compactMap { try? PictureFile.size(of: $0.url) } }
        if let work { Console.note(work) }
    }

    func finish() throws {
        if command.json {
            try Console.json(
                PredictionSummary(
                    predictions: records, failures: failures, passedOver: list.passedOver.counts, foldersLeft: list.foldersLeft))
        }
        for note in list.notes { Console.note("note: " + note) }
        if !changed.isEmpty {
            let names = changed.prefix(3).joined(separator: ", ") + (changed.count > 3 ? ", …" : "")
            Console.note("note: \(counted(changed.count, "input")) changed since the earlier results, which are replaced: \(names)")
        }
        if let shard { Console.note("share \(shard) of \(counted(list.items.count, "input"))") }
        if list.items.count == 1, let record = records.first {
            let files = target.recordFolder == nil ? "" : " in \(target.recordFolder?.relativePath ?? "")"
            let before = skipped > 0 && !record.classes.isEmpty ? " (done before)" : ""
            Console.note("\(record.files.joined(separator: ", "))\(files): \(record.sentence)\(before)")
        } else {
            let place =
                switch target {
                case .folder(let url): ", in \(url.relativePath)"
                case .file: ""
                case .beside: ", beside the inputs"
                }
            Console.note(
                "\(records.count) of \(positions.count + list.failures.count) segmented"
                    + (skipped > 0 ? ", \(skipped) of them before" : "") + place)
        }
    }
}

/// The output of `predict --json`.
private struct PredictionSummary: Encodable {
    let predictions: [PredictionRecord]
    let failures: [String]
    let passedOver: [String: Int]
    let foldersLeft: Int

    private enum CodingKeys: String, CodingKey {
        case predictions, failures, passedOver = "passed_over", foldersLeft = "folders_left"
    }
}
