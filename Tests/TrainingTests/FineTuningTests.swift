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
    @Suite("Fine-tuning")
    struct FineTuningTests {
        private func base(_ folder: URL, _ change: (inout RunConfiguration) -> Void = { _ in }) -> RunConfiguration {
            var settings = RunConfiguration.short(on: folder)
            settings.vmunet = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1])
            change(&settings)
            return settings
        }
        private func data() throws -> TemporaryFolder { try TemporaryFolder(train: 6, val: 3) }
        private func train(_ settings: RunConfiguration, _ run: URL) throws -> StateDictionary {
            let trainer = try Trainer.begin(settings, in: run, data: TrainingData(settings)).trainer
            #expect(try trainer.run() == .finished)
            return try trainer.network.stateDictionary()
        }

        /// Frozen stages keep every bit, the others learn; freezing changes nothing about the
        /// random numbers of the beginning.
        @Test(arguments: [["encoder"], ["decoder", "head"], ["encoder.1", "vmunet.layers_up.2.upsample"]])
        func frozenStagesStay(freeze: [String]) throws {
            let data = try data()
            let settings = base(data.url) { $0.freeze = freeze }
            Torch.manualSeed(settings.seed)
            let before = try settings.makeNetwork().stateDictionary()
            let after = try train(settings, data.url.appending(path: "run"))
            var (frozen, trained) = (0, 0)
            for (key, tensor) in before {
                if freeze.contains(where: { NetworkStages.contains(key, in: $0) }) {
                    #expect(after[key] == tensor, "\(key)")
                    frozen += 1
                } else if after[key] != tensor {
                    trained += 1
                }
            }
            #expect(frozen > 3 && trained > 10 && frozen + trained > before.count - 8)
        }

        /// Rates and frozen stages survive an interruption bit for bit.
        @Test func anInterruptedOneGoesOn() throws {
            let data = try data()
            let settings = base(data.url) {
                ($0.freeze, $0.stageRates, $0.emaDecay) = (["patch_embed"], ["encoder": 0.1, "encoder.3": 0.5, "head": 10], 0.9)
            }
            _ = try train(settings, data.url.appending(path: "whole"))
            let parts = data.url.appending(path: "parts")
            var steps = 0
            let first = try Trainer.begin(settings, in: parts, data: TrainingData(settings)).trainer
            #expect(try first.run(shouldStop: { steps >= 1 }) { if case .step = $0 { steps += 1 } } == .interrupted)
            #expect(try Trainer.resume(settings, in: parts, data: TrainingData(settings)).run() == .finished)
            let files = ["whole", "parts"].map { RunFolder(existing: data.url.appending(path: $0)) }
            let (whole, resumed) = (try WeightsFile.read(files[0].last), try WeightsFile.read(files[1].last))
            #expect(whole.keys == resumed.keys && whole.keys.contains("optimizer.3.exp_avg.0"))
            for (key, tensor) in whole where resumed[key] != tensor { Issue.record("\(key) differs") }
        }

        /// PyTorch's parameter groups.
        @Test(
            .enabled(if: Python.isAvailable, "set VMUNET_PYTHON"),
            arguments: [("AdamW", OptimizerConfiguration.Name.adamw), ("SGD", .sgd), ("Rprop", .rprop), ("RMSprop", .rmsprop)])
        func ratesAreParameterGroups(python: String, name: OptimizerConfiguration.Name) throws {
            let script = """
                import json, sys, torch
                a, b = torch.arange(1., 7.).double().requires_grad_(), torch.arange(-4., 2.).double().requires_grad_()
                o = getattr(torch.optim, sys.argv[1])([{"params": [a]}, {"params": [b], "lr": 1e-3}], lr=1e-2)
                for _ in range(10):
                    o.zero_grad()
                    ((a * b).sum() + (a ** 2).sum() + (b ** 4).sum()).backward()
                    o.step()
                print(json.dumps([a.tolist(), b.tolist()]))
                """
            let expected = try JSONDecoder().decode([[Double]].self, from: Data(try Python.run(script, [python]).utf8))
            let got = try withTorchErrors {
                let a = Tensor((1...6).map(Float.init), shape: [6]).requiringGrad()
                let b = Tensor((-4...1).map(Float.init), shape: [6]).requiringGrad()
                var options = OptimizerConfiguration(name, learningRate: 1e-2)
                if name == .sgd { options.momentum = 0 }
                if name != .adamw { options.weightDecay = 0 }
                let optimizer = GroupedOptimizer([.init(factor: 1, parameters: [a]), .init(factor: 0.1, parameters: [b])], options)
                for _ in 0..<10 {
                    optimizer.clearGradients()
                    ((a * b).sum() + (a * a).sum() + (b * b * b * b).sum()).backward()
                    optimizer.step()
                }
                return [a.floats(), b.floats()]
            }
            for (got, expected) in zip(got, expected) {
                for (x, y) in zip(got, expected) { #expect(abs(Double(x) - y) < 1e-5 * max(1, abs(y)), "\(x), not \(y)") }
            }
        }

        @Test func namesThatNoStageHas() throws {
            let data = try data()
            let run = data.url.appending(path: "run")
            func error(_ change: (inout RunConfiguration) -> Void) -> RunConfigurationError? {
                let settings = base(data.url, change)
                return #expect(throws: RunConfigurationError.self) {
                    _ = try Trainer.begin(settings, in: run, data: TrainingData(settings))
                }
            }
            let unknown = try #require(error { $0.freeze = ["encoder", "enc"] })
            #expect(unknown.problems.map(\.key) == ["freeze"] && unknown.description.contains("patch_embed, encoder.0, encoder.1"))
            #expect(error { $0.stageRates = ["tail": 2] }?.problems.map(\.key) == ["stage_rates.tail"])
            #expect(error { $0.freeze = ["encoder", "decoder", "head"] }?.problems.first?.got == "every stage")
            #expect(error { $0.stageRates = ["head": 0] }?.problems.map(\.key) == ["stage_rates.head"])
            #expect(!FileManager.default.fileExists(atPath: run.path))
        }

        /// One class becomes four, three channels become one: what became of each stage.
        @Test func theReportSaysWhatBecameOfEachStage() throws {
            let data = try data()
            let settings = base(data.url) { $0.epochs = 1 }
            let weights = data.url.appending(path: "weights.safetensors")
            Torch.manualSeed(1)
            try WeightsFile.write(try settings.makeNetwork().stateDictionary(), to: weights)
            func words(_ classes: Int, _ channels: Int) throws -> [String] {
                var other = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 2], decoderDepths: [1, 1, 1, 1])
                (other.classes, other.inputChannels) = (classes, channels)
                return try PretrainedWeights.apply(try WeightsFile.read(weights), to: try TorchVMUNet(other)).words
            }
            let same = try words(1, 3), other = try words(4, 1)
            #expect(same.count == 2 && same[0] == "kept: patch_embed, encoder.0 to encoder.2, decoder.0 to decoder.3, final_up, head")
            #expect(same[1].hasPrefix("drawn anew: ") && same[1].contains("tensors of encoder.3"))
            #expect(other[0] == "kept: encoder.0 to encoder.2, decoder.0 to decoder.3, final_up")
            #expect(other[1] == "adapted: vmunet.patch_embed.proj.weight, to another number of channels")
            #expect(other.last == "drawn anew: head ([1, 2, 1, 1] in the file, [4, 2, 1, 1] here)")
        }
    }
}
