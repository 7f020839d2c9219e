import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Training

extension TrainingSuites {
    @Suite("Training on volumes in nnU-Net's layout")
    struct VolumeTrainingTests {
        private func configuration(_ folder: URL) throws -> RunConfiguration {
            var settings = RunConfiguration(.nnunet, path: folder.path)
            settings.vmunet = VMUNetConfiguration(
                dims: [12, 24, 48, 96], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 4, dropPath: 0)
            settings.data.imageSize = 32
            try settings.takeClassesFromSet()
            try settings.takePlanFromSet(givenSize: true)
            (settings.batchSize, settings.device, settings.workers) = (8, .cpu, 1)
            settings.optimizer.learningRate = 5e-3
            return settings
        }

        /// Balls that only the two channels together tell apart: class 1 is bright in the first
        /// alone, class 2 in both.
        private func write(_ set: VolumeSetFolder) throws {
            for index in 0..<12 {
                // The place tells nothing of the class.
                let center = (5 + index % 3, 8 + index / 2 % 4, 7 + index / 3 % 2)
                let label = UInt8(1 + index % 2)
                let ball = VolumeSetFolder.ball(label, at: center)
                let second = ball.image.indices.map { place in
                    ball.labels[place] == 1 ? Int16(100 + place % 5) : ball.image[place]
                }
                try set.write(ball.image, VolumeSetFolder.shape, to: "imagesTr/c\(index)_0000.nii.gz", spacing: [1, 1, 3])
                try set.write(second, VolumeSetFolder.shape, to: "imagesTr/c\(index)_0001.nii.gz", spacing: [1, 1, 3])
                try set.write(ball.labels, VolumeSetFolder.shape, to: "labelsTr/c\(index).nii.gz", spacing: [1, 1, 3])
            }
            try set.json(
                #"{"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".nii.gz"}"#)
        }

        /// The plan is in the run and in its weights; the network on the kernels, which reads its
        /// channels off the weights, segments unseen cases on their own grid.
        @Test func networkLearnsFromChannels() throws {
            try withVolumeSet { set in
                try write(set)
                var settings = try configuration(set.url)
                settings.epochs = 120
                #expect(settings.vmunet?.inputChannels == 6 && settings.data.channels == ["T1", "T2"])
                let url = set.url.appending(path: "run")
                let data = try TrainingData(settings)
                #expect(data.notes.contains { $0.contains("the plan: volumes") && $0.contains("channels T1 + T2") })
                #expect(try Trainer.begin(settings, in: url, data: data).trainer.run() == .finished)
                let run = RunFolder(existing: url)
                let epochs = try run.epochs()
                #expect(epochs[119].trainLoss < 0.5 * epochs[0].trainLoss)
                // Read again, the configuration is the same, plan and all.
                #expect(try RunConfiguration(yamlFile: run.configuration).data == settings.data)
                let segmenter = try Segmenter(weights: run.best)
                #expect(segmenter.network.inputChannels == 6 && segmenter.metadata.channels == ["T1", "T2"])
                #expect(segmenter.metadata.sliceFit == .spacing && segmenter.metadata.neighbors == 1)
                let layout = settings.data.dataset.layout
                let held = try #require(try layout.volumes(settings.data, split: "val", classNames: segmenter.classNames))
                let summary = try VolumeEvaluator(held, segmenter: VolumeSegmenter(segmenter)).evaluate()
                #expect(summary.volumes.allSatisfy { $0.unit == .millimetres })
                let dice = summary.strict.means[.dice] ?? 0
                #expect(dice > 0.7, "\(dice)")
                let volume = try held.load(at: 0)
                let prepared = try PreparedVolume(volume.channels, path: "c", convention: segmenter.convention)
                #expect(try VolumeSegmenter(segmenter).segment(prepared).shape == volume.label.shape)
            }
        }

        /// Two sequences of real brains with tumours, five labels: the loss falls.
        @Test(.enabled(if: TestMachine.data("brats15") != nil, "set VMUNET_TEST_DATA"))
        func networkLearnsTumours() throws {
            let source = try #require(TestMachine.data("brats15"))
            try withVolumeSet { set in
                // A block of each brain around its tumour, so that the test is short.
                for (name, start) in [("brats_2013_pat0005_1", (96, 134, 54)), ("brats_2013_pat0006_1", (100, 70, 100))] {
                    for (file, path) in [
                        ("Flair_subtrMeanDivStd", "imagesTr/\(name)_0000.nii.gz"), ("T1c_subtrMeanDivStd", "imagesTr/\(name)_0001.nii.gz"),
                        ("OTMultiClass", "labelsTr/\(name).nii.gz"),
                    ] {
                        let volume = try VolumeFile(source.appending(path: "\(name)/\(file).nii.gz"))
                        var block: [Float] = []
                        for z in 0..<8 {
                            let slice: [Float] = volume.slice(at: start.0 + z)
                            for y in 0..<64 {
                                let first = (start.1 + y) * 240 + start.2
                                block += slice[first..<first + 64]
                            }
                        }
                        if path.hasPrefix("labels") {
                            try set.write(block.map { UInt8($0) }, [8, 64, 64], to: path)
                        } else {
                            try set.write(block, [8, 64, 64], to: path)
                        }
                    }
                }
                try set.json(
                    #"""
                    {"channel_names": {"0": "Flair", "1": "T1c"},
                     "labels": {"background": 0, "necrosis": 1, "oedema": 2, "rest": 3, "enhancing": 4}}
                    """#)
                var settings = try configuration(set.url)
                (settings.epochs, settings.data.validationFraction, settings.batchSize) = (20, 0, 8)
                settings.data.imageSize = 64
                let url = set.url.appending(path: "run")
                #expect(try Trainer.begin(settings, in: url, data: TrainingData(settings)).trainer.run() == .finished)
                let losses = try RunFolder(existing: url).epochs().map(\.trainLoss)
                #expect(losses[19] < 0.6 * losses[0], "\(losses)")
            }
        }
    }
}
