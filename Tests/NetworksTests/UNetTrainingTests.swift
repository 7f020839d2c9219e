import Foundation
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Training

/// A U-Net through the trainer: the files of a run, and a run that was stopped and continued.
@Suite(.serialized) struct UNetTrainingTests {
    private static func settings(_ data: URL) throws -> RunConfiguration {
        var settings = try RunConfiguration(yaml: "network: {name: unet, channels: 2}", dataset: .folder)
        settings.data.path = data.path
        (settings.data.imageSize, settings.epochs, settings.batchSize, settings.accumulate) = (32, 2, 2, 2)
        (settings.emaDecay, settings.device, settings.workers) = (0.8, .cpu, 1)
        return settings
    }

    @Test func aStoppedRunContinuesBitForBit() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(7, split: "train")
        try folder.writePairs(2, split: "val")
        let settings = try Self.settings(folder.url)
        let (whole, parts) = (folder.url.appending(path: "whole"), folder.url.appending(path: "parts"))
        #expect(try Trainer.begin(settings, in: whole, data: TrainingData(settings)).trainer.run() == .finished)

        var steps = 0
        let first = try Trainer.begin(settings, in: parts, data: TrainingData(settings)).trainer
        let outcome = try first.run(shouldStop: { steps >= 5 }) { if case .step = $0 { steps += 1 } }
        #expect(outcome == .interrupted && first.position.epoch == 1)
        let saved = try RunConfiguration(yamlFile: RunFolder(existing: parts).configuration)
        #expect(saved.network == .other(NetworkSettings("unet", ["channels": .integer(2), "upsampling": .text("transposed")])))
        #expect(try Trainer.resume(saved, in: parts, data: TrainingData(saved)).run() == .finished)

        for name in ["last", "best"] {
            let path = "checkpoints/\(name).safetensors"
            let (expected, got) = (try Data(contentsOf: whole.appending(path: path)), try Data(contentsOf: parts.appending(path: path)))
            #expect(got == expected, "\(name)")
        }
        let last = try WeightsFile.read(whole.appending(path: "checkpoints/last.safetensors"))
        // Four batches of each of two epochs went through.
        #expect(last["inc.double_conv.1.num_batches_tracked"]?.floats == [8])
        #expect(last.metadata["network"]?.text == "unet")
        #expect(last["inc.double_conv.1.running_mean"]?.floats.contains { $0 != 0 } == true)
    }
}
