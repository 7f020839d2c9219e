import Foundation
import Imaging
import Networks
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Training

/// Pictures of 32×32 made of numbers, with a matching truth.
private struct NumberSet: SegmentationDataset {
    var count: Int
    var classes = 1
    /// Pictures in which nothing counts: all of their labels are ignored.
    var blank: Set<Int> = []
    /// Pictures with a NaN.
    var spoilt: Set<Int> = []
    static let side = 32
    static let ignored: UInt8 = 200

    func name(at index: Int) -> String { "picture \(index)" }

    func load(at index: Int) -> Sample {
        var random = VolumeRandom(state: UInt64(index + 1))
        var image = (0..<3 * Self.side * Self.side).map { _ in Float.random(in: -1...1, using: &random) }
        let truth = image.prefix(Self.side * Self.side).map { $0 > 0.2 ? 1 : 0 as UInt8 }
        if spoilt.contains(index) { image[5] = .nan }
        let labels = blank.contains(index) ? truth.map { _ in Self.ignored } : truth.map { $0 * UInt8(max(classes - 1, 1)) }
        return Sample(
            image: image, channels: 3, height: Self.side, width: Self.side,
            target: classes == 1 ? .binary(truth.map(Float.init)) : .labels(labels), name: name(at: index))
    }

    func prepare(_ sample: Sample, random: CounterRandom?) -> Sample { sample }
}

extension TrainingSuites {
    /// Recorded training and inference compared with unrecorded: on the CPU the same steps without
    /// a graph, bit for bit; on a GPU with one.
    @Suite struct RecordedTrainingTests {
        /// Eleven pictures in batches of three, so an epoch's last batch has two. Steps of two
        /// batches, the last of one.
        ///
        /// No random numbers: other suites' tests draw from the same generator. Tests of the tool
        /// compare stochastic depth, in their own processes.
        private static func settings(classes: Int = 1, _ device: Compute.Device = .cpu) throws -> RunConfiguration {
            var settings = RunConfiguration(.folder, path: "none")
            settings.vmunet = VMUNetConfiguration(
                dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1], stateSize: 4, dropPath: 0)
            settings.data.classes = classes
            settings.data.imageSize = NumberSet.side
            (settings.batchSize, settings.accumulate, settings.epochs, settings.workers) = (3, 2, 4, 1)
            (settings.clipNorm, settings.emaDecay, settings.device) = (0.5, 0.8, device)
            let weights = folder.appending(path: "\(classes).safetensors")
            if !FileManager.default.fileExists(atPath: weights.path) {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try WeightsFile.write(try TorchVMUNet(#require(settings.vmunet)).stateDictionary(), to: weights)
            }
            settings.initialWeights = weights.path
            return settings
        }

        /// One folder for all runs of the process.
        private static let folder = FileManager.default.temporaryDirectory.appending(path: "vmunet-recorded-\(UUID().uuidString)")

        private struct Run {
            let losses: [Double]
            let validation: [Double]
            let weights: StateDictionary
            let error: NonFiniteLoss?
        }

        private static func run(_ settings: RunConfiguration, _ training: NumberSet, compileGraph: Bool) throws -> Run {
            try withTemporaryFolder { folder in
                let validation = NumberSet(count: 7, classes: training.classes)
                let trainer = try Trainer.begin(
                    settings, in: folder.appending(path: "run"), data: TrainingData(training: training, validation: validation),
                    compileGraph: compileGraph
                ).0
                var (losses, epochs): ([Double], [Double]) = ([], [])
                var error: NonFiniteLoss?
                do {
                    _ = try trainer.run(report: { report in
                        if case .step(.step(_, _, let loss, _), of: _, epochs: _, _) = report { losses.append(loss) }
                        if case .epoch(let record) = report { epochs.append(record.validationLoss ?? .nan) }
                    })
                } catch let found as NonFiniteLoss {
                    error = found
                }
                return Run(losses: losses, validation: epochs, weights: try trainer.network.stateDictionary(), error: error)
            }
        }

        private static func expectSame(_ plain: Run, _ recorded: Run) {
            #expect(plain.losses == recorded.losses && plain.validation == recorded.validation)
            #expect(plain.weights.keys == recorded.weights.keys)
            for key in plain.weights.keys { #expect(plain.weights[key] == recorded.weights[key], "\(key)") }
        }

        enum Variant: String, CaseIterable, Sendable {
            case binary, bfloat16, sgd, classWeights, ignoredLabel, everyBatchIsASmallOne

            fileprivate func setting() throws -> (RunConfiguration, NumberSet) {
                var (settings, set) = (try RecordedTrainingTests.settings(), NumberSet(count: 11))
                switch self {
                case .binary: break
                case .bfloat16: settings.precision = .bf16
                case .sgd: settings.optimizer = OptimizerConfiguration(.sgd, learningRate: 0.05)
                case .classWeights:
                    (settings, set) = (try RecordedTrainingTests.settings(classes: 3), NumberSet(count: 11, classes: 3))
                    settings.loss.classWeights = [0, 0.7, 1.3]
                case .ignoredLabel:
                    // In the first epoch's order or another, some batch has nothing that counts.
                    (settings, set) = (try RecordedTrainingTests.settings(classes: 2), NumberSet(count: 11, classes: 2, blank: Set(0..<8)))
                    settings.data.ignoredLabel = Int(NumberSet.ignored)
                case .everyBatchIsASmallOne: settings.batchSize = 16
                }
                return (settings, set)
            }
        }

        @Test(arguments: Variant.allCases) func trainingIsTheSame(variant: Variant) throws {
            let (settings, set) = try variant.setting()
            let plain = try Self.run(settings, set, compileGraph: false), recorded = try Self.run(settings, set, compileGraph: true)
            #expect(plain.losses.count == (settings.batchSize > set.count ? 4 : 16) && plain.validation.count == 4)
            #expect(plain.losses.allSatisfy(\.isFinite) && Set(plain.losses).count > 3)
            Self.expectSame(plain, recorded)
        }

        /// A value that is not finite gives the same error and changes nothing, before or after the
        /// recording, in a step's first batch or second.
        @Test(arguments: [0, 1, 4, 9]) func aSpoiltPictureEndsBothAlike(index: Int) throws {
            let set = NumberSet(count: 12, spoilt: [index])
            let plain = try Self.run(try Self.settings(), set, compileGraph: false),
                recorded = try Self.run(try Self.settings(), set, compileGraph: true)
            let (wanted, got) = (try #require(plain.error), try #require(recorded.error))
            #expect(got.epoch == wanted.epoch && got.step == wanted.step && got.pictures == wanted.pictures && got.layer == wanted.layer)
            #expect(got.pictures.contains("picture \(index)") && got.loss.isNaN && got.layer == "the input pictures")
            Self.expectSame(plain, recorded)
        }

        /// Interrupted and resumed, recorded or not, the weights equal those of a run that never
        /// stopped.
        @Test func resumingGoesOnAlike() throws {
            let settings = try Self.settings(), set = NumberSet(count: 11)
            let whole = try Self.run(settings, set, compileGraph: false)
            try withTemporaryFolder { folder in
                let url = folder.appending(path: "run"), data = TrainingData(training: set, validation: NumberSet(count: 7))
                var steps = 0
                let first = try Trainer.begin(settings, in: url, data: data, compileGraph: true).0
                let outcome = try first.run(shouldStop: { steps >= 7 }) { if case .step = $0 { steps += 1 } }
                #expect(outcome == .interrupted)
                let second = try Trainer.resume(settings, in: url, data: data, compileGraph: true)
                #expect(try second.run() == .finished)
                let weights = try second.network.stateDictionary()
                for key in whole.weights.keys { #expect(whole.weights[key] == weights[key], "\(key)") }
            }
        }

        // MARK: Inference

        @Test func inferenceIsTheSame() throws {
            let network = try TorchVMUNet(#require(try Self.settings().vmunet))
            for precision in Compute.Precision.allCases {
                let mode = ForwardMode(precision: precision.ofProducts)
                let plain = Inference(network, mode, compileGraph: false), recorded = Inference(network, mode, compileGraph: true)
                var kept: [(Tensor, [Float])] = []
                // A small batch first, then the largest, then smaller ones and other sizes in
                // between.
                for (i, shape) in [[1, 3], [2, 3], [2, 3], [1, 3], [2, 1], [2, 3], [2, 3], [2, 3], [2, 1], [1, 1], [2, 3]].enumerated() {
                    let values = (0..<shape[0] * shape[1] * 1024).map { Float(($0 * (i + 1)) % 17) / 17 }
                    let images = Tensor(values, shape: shape + [32, 32])
                    let wanted = try plain(images).floats(), got = try recorded(images)
                    #expect(got.floats() == wanted)
                    kept.append((got, wanted))
                }
                // The caller owns the logits: later calls do not overwrite them.
                for (logits, wanted) in kept { #expect(logits.floats() == wanted) }
            }
        }

        @Test func volumesAreTheSame() throws {
            let plain = VolumeSegmenter(
                try Segmenter(weights: SynapseSet.weights, compute: Compute(device: .cpu), networks: .torch), batchSize: 2)
            let recorded = VolumeSegmenter(
                try Segmenter(weights: SynapseSet.weights, compute: Compute(device: .cpu, compileGraph: true), networks: .torch),
                batchSize: 2)
            let shape = VolumeShape(depth: 11, height: 40, width: 36)
            let values = (0..<shape.count).map { Float($0 % 101) / 101 }
            #expect(try plain.segment(values, shape: shape) == recorded.segment(values, shape: shape))
        }

        // MARK: With a GPU

        private static let hasGPU = Torch.isGPUPresent && Torch.cudaStatus == .ready

        /// cuBLAS may choose other algorithms in another stream, so the last bits may differ and
        /// training then drifts.
        @Test(.enabled(if: hasGPU, "no GPU"), arguments: [Variant.binary, .bfloat16, .ignoredLabel]) func trainingOnAGPU(variant: Variant)
            throws
        {
            var (settings, set) = try variant.setting()
            settings.device = .cuda
            let plain = try Self.run(settings, set, compileGraph: false), recorded = try Self.run(settings, set, compileGraph: true)
            #expect(plain.losses.count == recorded.losses.count && recorded.losses.count == 16)
            let limit = variant == .bfloat16 ? 2e-2 : 1e-3
            for (a, b) in zip(plain.losses + plain.validation, recorded.losses + recorded.validation) {
                #expect(abs(a - b) < limit * abs(a))
            }
        }

        @Test(.enabled(if: hasGPU, "no GPU")) func aSpoiltPictureOnAGPU() throws {
            let set = NumberSet(count: 12, spoilt: [9])
            let plain = try Self.run(try Self.settings(.cuda), set, compileGraph: false),
                recorded = try Self.run(try Self.settings(.cuda), set, compileGraph: true)
            let (wanted, got) = (try #require(plain.error), try #require(recorded.error))
            #expect(got.epoch == wanted.epoch && got.step == wanted.step && got.pictures == wanted.pictures && got.layer == wanted.layer)
        }
    }
}
