import Files
import Foundation
import Imaging
import Networks
import Runs
import Segmentation

/// One fold's predictions by its own weights.
struct OutOfFold {
    private let cell: AblationGrid.Cell
    private let run: RunFolder
    private let output: URL

    init(_ cell: AblationGrid.Cell, in run: RunFolder, output: URL) { (self.cell, self.run, self.output) = (cell, run, output) }

    /// The weights that the fold was predicted with, and its files.
    private struct Record: Codable {
        var weights: String
        var files: [String]
    }

    private var record: URL { run.url.appending(path: "out-of-fold.json") }

    /// Writes the fold's files, unless an earlier call has, and returns their number. Returns 0 if
    /// `shouldStop` ends it.
    func write(shouldStop: () -> Bool, progress: (Double) -> Void) throws -> Int {
        let weights = try ComparisonScores.digest(run.best)
        if let bytes = try? Data(contentsOf: record), let known = try? JSONDecoder().decode(Record.self, from: bytes),
            known.weights == weights, known.files.allSatisfy({ FileManager.default.fileExists(atPath: output.appending(path: $0).path) })
        {
            return known.files.count
        }
        let segmenter = try ComparisonScores.segmenter(cell, in: run)
        let settings = cell.configuration
        let files: [String]?
        if let volumes = try settings.data.dataset.layout.reportVolumes(settings.data) {
            files = try write(volumes, segmenter, spacing: settings.data.spacing, shouldStop, progress)
        } else {
            files = try write(try ComparisonScores.pictures(settings), segmenter, shouldStop, progress)
        }
        guard let files else { return 0 }
        try AtomicFile.write(Array(JSONEncoder().encode(Record(weights: weights, files: files))), to: record)
        return files.count
    }

    private func write(
        _ set: any SegmentationDataset, _ segmenter: Segmenter, _ shouldStop: () -> Bool, _ progress: (Double) -> Void
    ) throws -> [String]? {
        var files: [String] = []
        for index in 0..<set.count {
            if shouldStop() { return nil }
            guard let picture = try set.picture(at: index) else { return [] }
            let name = set.name(at: index) + ".png"
            try PictureFile.write(try segmenter.segment(picture).mask, to: output.appending(path: name))
            files.append(name)
            progress(Double(index + 1) / Double(set.count))
        }
        return files
    }

    private struct Stopped: Error {}

    private func write(
        _ volumes: any VolumeDataset, _ segmenter: Segmenter, spacing: VoxelSpacing?, _ shouldStop: () -> Bool,
        _ progress: (Double) -> Void
    ) throws -> [String]? {
        var files: [String] = []
        do {
            _ = try VolumeEvaluator(volumes, segmenter: VolumeSegmenter(segmenter), spacing: spacing).evaluate {
                progress($0.share)
            } keep: { volume, prediction in
                let name = volume.name + ".nii.gz"
                let geometry = volume.channels.first?.geometry ?? (spacing ?? .voxels).geometry
                try prediction.write(to: output.appending(path: name), geometry: geometry, description: "out of fold")
                files.append(name)
                if shouldStop() { throw Stopped() }
            }
        } catch is Stopped { return nil }
        return files
    }
}
