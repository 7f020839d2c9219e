import ArgumentParser
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One evaluation by several processes.
extension Evaluate {
    /// The file of the scores, beside which the shares' scores wait for each other.
    private var file: String? { [json, csv].compactMap(\.self).first { $0 != "-" } }

    /// Throws unless the scores go to a file: which process will join them, only the last one knows.
    func requireFile() throws {
        guard file != nil, json != "-", csv != "-" else {
            throw ValidationError("several processes join their scores in files: give --json FILE or --csv FILE, and neither as -")
        }
    }

    /// True if this process prints what all of them find. Jobs of an array each have a log of their
    /// own; those of mpirun share one.
    func isSpeaker(_ shard: Shard?) -> Bool { shard.map { $0.index == 0 || sharing.shard != nil } ?? true }

    /// The shares of this evaluation; nil for the whole. `cases` are what the set consists of.
    func shares(
        _ shard: Shard?, _ settings: DataSettings, _ split: String, _ segmenter: Segmenter, _ digest: WeightsDigest, _ cases: [String]
    ) throws -> ScoreShares? {
        guard let shard, let file else { return nil }
        let data = URL(filePath: settings.path)
        var settings = settings
        settings.path = ""  // another machine may have the set elsewhere
        let work = Work(
            version: Provenance.version, weights: digest.value, data: settings, split: split, cases: cases,
            network: ["\(segmenter.imageSize)", "\(segmenter.threshold)", "\(segmenter.prediction)", "\(segmenter.cleanUp)"],
            scoring: ["\(input.batchSize)", "\(ownSize)", "\(calibration)", "\(uncertainty)", "\(spacing as Any)", "\(tolerance as Any)"],
            precision: (compute.precision ?? .fp32).rawValue)
        return try ScoreShares(shard, beside: file, of: data, work: SHA256.hexadecimal(of: Array(JSONText.encode(work).utf8)))
    }

    /// All that decides the scores.
    private struct Work: Encodable {
        let version: String
        let weights: String
        let data: DataSettings
        let split: String
        let cases: [String]
        let network: [String]
        let scoring: [String]
        let precision: String
    }

    /// Delivers the scores of the whole set: at once, or as soon as the last share is there.
    func join<Part: Codable & Equatable>(_ part: Part, _ shares: ScoreShares?, deliver: ([Part]) throws -> Void) throws {
        guard let shares, let file else { return try deliver([part]) }
        let isDelivered = [json, csv].allSatisfy { $0.map { FileManager.default.fileExists(atPath: $0) } ?? true }
        let ended = "share \(shares.shard) is done"
        switch try shares.join(part, isDelivered: isDelivered, deliver: deliver) {
        case .joined: Console.note("all \(shares.shard.count) shares are done: their scores are in \(file)")
        case .unchanged: Console.note("\(ended), as before; the scores of all are in \(file)")
        case .waiting(let misfits):
            Console.note("\(ended); the last to end joins the scores in \(file)")
            guard !misfits.isEmpty else { return }
            let what = "other weights, settings or pictures, or from before the data changed"
            Console.note("note: \(shares.folder.relativePath) has \(Shard.misfits(misfits, of: what))")
        }
    }
}
