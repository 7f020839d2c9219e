import Files
import Foundation
import Imaging
import Runs
import Segmentation
import TestSupport
import Testing

@testable import Training

extension TrainingSuites {
    @Suite("Cross-validation")
    struct CrossValidationTests {
        /// A short run of a small network; each picture is a group.
        private func base(_ folder: URL) -> RunConfiguration {
            var settings = RunConfiguration.short(on: folder)
            settings.network = .other(NetworkSettings("ultralight-vm-unet"))
            settings.data.groupPattern = "[0-9]+$"
            return settings
        }
        private func data() throws -> TemporaryFolder { try TemporaryFolder(train: 8) }

        /// Each fold's scores are what its weights score on the pictures that they have not seen,
        /// and the masks out of fold are those that its weights predict.
        @Test func foldsAreScoredByWeightsThatHaveNotSeenThem() throws {
            let data = try data()
            let validation = try CrossValidation(base(data.url), folds: 3, in: data.url.appending(path: "runs"))
            #expect(validation.grid.cells.map(\.name) == ["fold-0", "fold-1", "fold-2"])
            let result = try validation.run()
            #expect(result.folds.map(\.state) == [.finished, .finished, .finished] && result.folds.compactMap(\.count).reduce(0, +) == 8)
            var (dice, counts) = ([Double](), ConfusionCounts())
            for (cell, weights) in zip(validation.grid.cells, try validation.weights()) {
                let sets = try TrainingData(cell.configuration)
                let held = try #require(sets.validation)
                let scores = try Evaluator(held).evaluate(try Segmenter(weights: weights, networks: .torch).network)
                dice.append(try #require(scores.pooled.dsc))
                counts = scores.images.reduce(counts) { $0 + $1.counts[0] }
            }
            for (fold, dice) in zip(result.folds, dice) { #expect(abs(try #require(fold.scores["dsc"]) - dice) < 1e-6) }
            let spread = try #require(result.mean["dsc"]), mean = dice.reduce(0, +) / 3
            let deviation = (dice.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
            #expect(abs(spread.mean - mean) < 1e-6 && abs((spread.deviation ?? 0) - deviation) < 1e-6)
            #expect(abs(try #require(result.outOfFold["dsc"]) - (try #require(BinaryScores(counts).dsc))) < 1e-6)

            #expect(try validation.predictOutOfFold() == 8)
            for (cell, weights) in zip(validation.grid.cells, try validation.weights()) {
                let held = try #require(try TrainingData(cell.configuration).validation)
                let picture = try #require(try held.picture(at: 0))
                let expected = try Segmenter(weights: weights, networks: .torch).segment(picture).mask
                let file = validation.folder.appending(path: "out-of-fold/\(held.name(at: 0)).png")
                #expect(try PictureFile.read(file).pixels == expected.pixels)
            }
            let saved = try JSONDecoder().decode(
                CrossValidationResult.self, from: Data(contentsOf: validation.folder.appending(path: "crossvalidation.json")))
            #expect(saved == result && result.markdown.contains("| mean ± deviation |"))
        }

        /// Stopped in a fold, then gone on: weights and scores as if left alone; a finished one
        /// does nothing twice.
        @Test func anInterruptedOneGoesOn() throws {
            let data = try data()
            let whole = try CrossValidation(base(data.url), folds: 2, in: data.url.appending(path: "whole"))
            let result = try whole.run()
            let parts = try CrossValidation(base(data.url), folds: 2, in: data.url.appending(path: "parts"))
            var steps = 0
            let first = try parts.run(shouldStop: { steps >= 3 }) { if case .training(.training(.step)) = $0 { steps += 1 } }
            #expect(first.isInterrupted && first.folds.map(\.count) == [nil, nil] && first.mean.isEmpty)
            #expect(try parts.run() == result)
            for (a, b) in zip(try whole.weights(), try parts.weights()) {
                #expect(try ComparisonScores.digest(a) == ComparisonScores.digest(b))
            }
            var begun = 0
            _ = try parts.run(report: { progress in
                switch progress {
                case .training(.cell), .scoring: begun += 1
                default: break
                }
            })
            #expect(begun == 0)
            // Other folds in the same folder are another cross-validation.
            #expect(throws: FileError.self) { try CrossValidation(base(data.url), folds: 4, in: parts.folder).run() }
        }
    }
}
