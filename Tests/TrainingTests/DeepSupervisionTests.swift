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
    @Suite("Deep supervision")
    struct DeepSupervisionTests {
        private func settings(_ folder: URL, weight: Double = 0.5) -> RunConfiguration {
            var settings = RunConfiguration.short(on: folder)
            settings.vmunet = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1])
            settings.loss.deepSupervision = weight
            return settings
        }

        /// The sum over four sizes, and the gradient of each, as MONAI's `DeepSupervisionLoss`
        /// (Fixtures/deep_supervision.py): float32 against float64.
        @Test(arguments: ["binary", "labels"]) func lossIsMONAIs(name: String) throws {
            let golden = try SafetensorsFile.read(volumeFixtures.appending(path: "deep_supervision.safetensors"))
            let truth = Tensor(try #require(golden["\(name).target"]))
            var loss = SegmentationLoss()
            loss.deepSupervision = 0.5
            try withTorchErrors {
                let outputs = try (0..<4).map { Tensor(try #require(golden["\(name).logits.\($0)"])).requiringGrad() }
                let batch = BatchTensors(
                    images: outputs[0], target: name == "binary" ? truth : truth.to(.int64), distances: nil)
                let value = loss(outputs, batch)
                value.backward()
                let expected = try #require(golden["\(name).loss"]).doubles[0]
                #expect(abs(value.item - expected) < 1e-6 * expected, "\(value.item), not \(expected)")
                for (index, logits) in outputs.enumerated() {
                    let wanted = try #require(golden["\(name).dlogits.\(index)"]).floats
                    let gradient = try #require(logits.gradient).floats()
                    let largest = wanted.map(abs).max() ?? 0
                    let worst = zip(gradient, wanted).map { abs($0 - $1) }.max() ?? .infinity
                    #expect(gradient.count == wanted.count && worst < 3e-6 * largest, "output \(index): \(worst) of \(largest)")
                }
            }
        }

        /// The logits are the network's own, and the others come from the decoder's maps of H/4, H/8
        /// and H/16.
        @Test func outputsAreOfFourSizes() throws {
            Torch.manualSeed(3)
            let configuration = try #require(settings(URL(filePath: "/")).vmunet)
            let network = try DeeplySupervisedVMUNet(configuration, ParameterStore())
            let plain = try TorchVMUNet(
                configuration, weights: try network.stateDictionary().filter { !$0.hasPrefix("loss.") })
            try withTorchErrors {
                let images = Tensor((0..<2 * 3 * 64 * 96).map { Float($0 % 251) }, shape: [2, 3, 64, 96])
                let outputs = network.outputs(images, .inference)
                #expect(outputs.map(\.shape) == [[2, 1, 64, 96], [2, 1, 16, 24], [2, 1, 8, 12], [2, 1, 4, 6]])
                #expect(network.outputCount == outputs.count)
                #expect(outputs[0].floats() == plain(images, .inference).floats())
                for output in outputs { #expect(Set(output.floats()).count > 20) }
            }
        }

        /// An interrupted run goes on bit for bit, classifiers included; the weights to predict with
        /// have none of them.
        @Test func aRunKeepsItsClassifiersToItself() throws {
            let data = try TemporaryFolder(train: 6, val: 3)
            var settings = settings(data.url)
            settings.emaDecay = 0.9
            let (whole, parts) = (data.url.appending(path: "whole"), data.url.appending(path: "parts"))
            let trainer = try Trainer.begin(settings, in: whole, data: TrainingData(settings)).trainer
            #expect(try trainer.run() == .finished)
            var steps = 0
            let first = try Trainer.begin(settings, in: parts, data: TrainingData(settings)).trainer
            #expect(try first.run(shouldStop: { steps >= 1 }) { if case .step = $0 { steps += 1 } } == .interrupted)
            #expect(try Trainer.resume(settings, in: parts, data: TrainingData(settings)).run() == .finished)
            let (last, resumed) = (
                try WeightsFile.read(RunFolder(existing: whole).last), try WeightsFile.read(RunFolder(existing: parts).last)
            )
            #expect(last.keys == resumed.keys && last.keys.contains("loss.heads.2.weight"))
            for (key, tensor) in last where resumed[key] != tensor { Issue.record("\(key) differs") }

            let best = try WeightsFile.read(RunFolder(existing: whole).best)
            #expect(!best.keys.contains { $0.hasPrefix("loss.") } && best.keys.contains("vmunet.final_conv.weight"))
            for url in [RunFolder(existing: whole).best, RunFolder(existing: whole).last] {
                for networks in [NetworkLoader.kernels, .torch] {
                    _ = try Segmenter(weights: url, choosing: .model, imageSize: 64, networks: networks)
                }
            }
            // The classifiers learn, and change what the others learn.
            var without = settings
            without.loss.deepSupervision = 0
            let plain = try Trainer.begin(without, in: data.url.appending(path: "plain"), data: TrainingData(without)).trainer
            #expect(try plain.run() == .finished)
            let weights = try plain.network.stateDictionary()
            #expect(weights.keys.allSatisfy { last[$0] != nil } && weights["vmunet.final_conv.weight"] != last["vmunet.final_conv.weight"])
        }

        @Test func onlyVMUNetHasIt() throws {
            var settings = settings(URL(filePath: "/"))
            settings.network = .other(NetworkSettings("unet"))
            #expect(settings.problems.contains { $0.key == "loss.deep_supervision" && $0.expected.hasPrefix("0 for networks") })
            settings = self.settings(URL(filePath: "/"), weight: 1.5)
            #expect(settings.problems.contains { $0.key == "loss.deep_supervision" && $0.expected == "0 to 1" })
        }
    }
}
