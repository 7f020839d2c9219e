import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles

/// The scores of one run of a comparison, picture by picture: `comparison.json` in its folder.
struct ComparisonScores: Sendable, Codable {
    /// Of sets of pictures: the validation set's, with counts.
    var pictures: [EvaluationResult.Image]?
    /// Of sets of volumes.
    var volumes: [VolumeScores]?
    /// SHA-256 of the weights that were scored.
    var weights: String
    /// The most memory that the process held while it trained the run, in bytes.
    var peakMemory: Int?

    private enum CodingKeys: String, CodingKey { case pictures, volumes, weights, peakMemory = "peak_memory_bytes" }

    private static func file(_ run: RunFolder) -> URL { run.url.appending(path: "comparison.json") }

    /// The scores that a run's folder holds of its own best weights; nil if there are none.
    static func saved(in run: RunFolder) -> ComparisonScores? {
        guard let bytes = try? Data(contentsOf: file(run)), let scores = try? JSONDecoder().decode(Self.self, from: bytes),
            scores.weights == (try? digest(run.best))
        else { return nil }
        return scores
    }

    func save(in run: RunFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try AtomicFile.write(Array(encoder.encode(self) + Data("\n".utf8)), to: Self.file(run))
    }

    /// The pictures or volumes of several runs as one; nil without runs.
    init?(joining runs: [ComparisonScores]) {
        guard let first = runs.first else { return nil }
        self = first
        pictures = first.pictures == nil ? nil : runs.flatMap { $0.pictures ?? [] }
        volumes = first.volumes == nil ? nil : runs.flatMap { $0.volumes ?? [] }
    }

    /// Scores a finished run's best weights on its validation data, volumes if the
    /// set has some.
    init(_ cell: AblationGrid.Cell, in run: RunFolder, progress: (_ share: Double) -> Void) throws {
        let settings = cell.configuration
        let segmenter = try Self.segmenter(cell, in: run)
        weights = try Self.digest(run.best)
        if let set = try settings.data.dataset.layout.reportVolumes(settings.data) {
            let summary = try VolumeEvaluator(set, segmenter: VolumeSegmenter(segmenter), spacing: settings.data.spacing).evaluate {
                progress($0.share)
            }
            self.volumes = summary.volumes
        } else {
            let set = try Self.pictures(settings)
            let result = try Evaluator(set, settings.evaluation).evaluate(segmenter, atOwnSize: segmenter.isTiled) { done, count in
                progress(Double(done) / Double(max(count, 1)))
            }
            pictures = result.images
        }
    }

    /// The pictures that a run was validated on.
    static func pictures(_ settings: RunConfiguration) throws -> any SegmentationDataset {
        try settings.data.dataset.layout.reportSet(settings.data, seed: settings.seed)
    }

    static func segmenter(_ cell: AblationGrid.Cell, in run: RunFolder) throws -> Segmenter {
        try Segmenter(weights: run.best, compute: cell.configuration.compute, networks: .torch)
    }

    static func digest(_ file: URL) throws -> String { try SHA256.hexadecimal(ofFile: file) }
}
