import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import TestSupport
import Testing
import VMUNet

@testable import Training

extension TrainingSuites {
    @Suite("Training on patches")
    struct PatchTrainingTests {
        private static let network = VMUNetConfiguration(
            dims: [12, 24, 48, 96], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 4, dropPath: 0)

        /// Bars six pixels wide that lie between the pixels which a resize to an eighth samples.
        private func write(_ folder: TemporaryFolder, _ count: Int, _ split: String) throws {
            for index in 0..<count {
                var (picture, mask) = (Picture(width: 256, height: 256, channels: 1), Picture(width: 256, height: 256, channels: 1))
                for y in 0..<256 {
                    for x in 5..<256 {
                        let block = (x - 5) / 8
                        let isBar = (x - 5) % 8 < 6 && (block * 7 + index * 3) % 4 == 0 && (y / 32 + block + index) % 3 > 0
                        mask[y, x] = isBar ? 255 : 0
                        picture[y, x] = isBar ? 220 : 20
                    }
                    for x in 0..<5 { picture[y, x] = 20 }
                }
                try folder.write(picture, "\(split)/images/p\(index).png")
                try folder.write(mask, "\(split)/masks/p\(index).png")
            }
        }

        private func configuration(_ folder: URL) -> RunConfiguration {
            var settings = RunConfiguration(.folder, path: folder.path)
            settings.vmunet = Self.network
            (settings.data.imageSize, settings.batchSize, settings.device, settings.workers) = (32, 8, .cpu, 1)
            settings.optimizer.learningRate = 5e-3
            return settings
        }

        @Test func patchesTeachWhatResizedPicturesCannot() throws {
            let folder = try TemporaryFolder()
            try write(folder, 8, "train")
            try write(folder, 1, "val")
            var settings = configuration(folder.url)
            // Resized, a picture is of one grey, whatever its mask.
            let resized = try TrainingData(settings)
            for index in 0..<resized.training.count { #expect(try Set(resized.training.sample(at: index).image).count == 1) }

            settings.data.patchSize = 32
            (settings.batchSize, settings.epochs, settings.evaluateEvery, settings.schedule) = (4, 40, 20, .constant)
            let url = folder.url.appending(path: "run")
            #expect(try Trainer.begin(settings, in: url, data: TrainingData(settings)).trainer.run() == .finished)
            let run = RunFolder(existing: url)
            #expect(try RunConfiguration(yamlFile: run.configuration) == settings.completed())

            // The weights carry the size, so that tiles predict; validation has seen the same.
            let segmenter = try Segmenter(weights: run.best)
            #expect(segmenter.isTiled && segmenter.imageSize == 32 && segmenter.metadata.patchSize == 32)
            let validation = try #require(try TrainingData(settings).validation)
            let result = try Evaluator(validation, settings.evaluation).evaluate(segmenter, atOwnSize: true)
            let best = try #require(try run.epochs().last { $0.isBest })
            let score = try #require(result.pooled.miou)
            #expect(try abs(result.loss - #require(best.validationLoss)) < 1e-3)
            #expect(try abs(score - #require(best.scores?.miou)) < 1e-3)
            #expect(score > 0.7, "\(score)")

            let picture = try #require(try validation.picture(at: 0))
            let found = try segmenter.segment(picture)
            #expect((found.mask.width, found.mask.height) == (256, 256))
        }

        /// An interrupted run on patches goes on to the same weights.
        @Test func aResumedRunIsTheSame() throws {
            let folder = try TemporaryFolder()
            try folder.writePairs(7, split: "train", side: 60)
            try folder.writePairs(2, split: "val", side: 60)
            var settings = configuration(folder.url)
            (settings.data.patchSize, settings.epochs, settings.batchSize) = (32, 2, 2)
            let (whole, parted) = (folder.url.appending(path: "whole"), folder.url.appending(path: "parted"))
            _ = try Trainer.begin(settings, in: whole, data: TrainingData(settings)).trainer.run()
            var steps = 0
            let first = try Trainer.begin(settings, in: parted, data: TrainingData(settings)).trainer
            #expect(try first.run(shouldStop: { steps >= 3 }) { if case .step = $0 { steps += 1 } } == .interrupted)
            #expect(try Trainer.resume(settings, in: parted, data: TrainingData(settings)).run() == .finished)
            let weights = try [whole, parted].map { try Data(contentsOf: RunFolder(existing: $0).best) }
            #expect(weights[0] == weights[1])
        }

        /// Slices are cut as pictures are, and volumes segmented by tiles.
        @Test func slicesOfSynapse() throws {
            try withTemporaryFolder { folder in
                var settings = try SynapseSet.configuration()
                (settings.data.patchSize, settings.epochs) = (32, 1)
                let url = folder.appending(path: "run")
                #expect(try Trainer.begin(settings, in: url, data: TrainingData(settings)).trainer.run() == .finished)
                let run = RunFolder(existing: url)
                #expect(try run.epochs()[0].validationLoss?.isFinite == true)
                let segmenter = try Segmenter(weights: run.best)
                #expect(segmenter.isTiled && segmenter.metadata.input == .volumes)
                let layout = settings.data.dataset.layout
                let volumes = try #require(try layout.volumes(settings.data, split: "test_vol", classNames: segmenter.classNames))
                let volume = try volumes.load(at: 0)
                let labels = try VolumeSegmenter(segmenter).segment(volume.image, shape: volume.shape)
                #expect(labels.shape == volume.shape)
            }
        }
    }
}
