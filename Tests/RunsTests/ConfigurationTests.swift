import Foundation
import Segmentation
import TestSupport
import Testing
import VMUNet

@testable import Runs

/// The published settings, and refused ones.
struct ConfigurationTests {
    @Test(arguments: [RunConfiguration.isic17, .isic18])
    func isicIsAsPublished(configuration: RunConfiguration) {
        #expect(configuration.data.imageSize == 256 && configuration.data.classes == 1 && configuration.data.augment)
        #expect(configuration.batchSize == 32 && configuration.epochs == 300 && configuration.seed == 42 && configuration.threshold == 0.5)
        #expect(configuration.schedule == .cosineAnnealing(tMax: 50, etaMin: 1e-5))
        #expect(configuration.optimizer == OptimizerConfiguration(.adamw, learningRate: 1e-3))
        #expect(configuration.optimizer.betas == [0.9, 0.999] && configuration.optimizer.epsilon == 1e-8)
        #expect(configuration.optimizer.weightDecay == 1e-2)
        #expect(configuration.vmunet == VMUNetConfiguration(classes: 1, dropPath: 0.2))
        #expect(configuration.loss.crossEntropy == 1 && configuration.loss.dice == 1 && configuration.loss.classWeights == nil)
        #expect(configuration.accumulate == 1 && configuration.clipNorm == nil && configuration.emaDecay == nil)
        #expect(configuration.earlyStopping == nil && configuration.precision == .fp32 && configuration.evaluateEvery == 1)
    }

    @Test func synapseIsAsPublished() {
        let synapse = RunConfiguration.synapse
        #expect(synapse.data.imageSize == 224 && synapse.data.classes == 9 && synapse.vmunet?.classes == 9)
        #expect(synapse.schedule == .cosineAnnealing(tMax: 100, etaMin: 1e-5))
        #expect(synapse.data.classNames?.count == 9 && synapse.data.classNames?.last == "stomach")
        // The rest equals ISIC's.
        var other = synapse
        other.data = RunConfiguration.isic17.data
        other.schedule = RunConfiguration.isic17.schedule
        #expect(other == .isic17)
    }

    @Test func networkAndDataHaveOneClassCount() {
        var configuration = RunConfiguration()
        configuration.vmunet = VMUNetConfiguration(classes: 5)
        #expect(configuration.data.classes == 5)
        configuration.data.classes = 3
        #expect(configuration.vmunet?.classes == 3)
        configuration.vmunet?.dropPath = 0
        #expect(configuration.vmunet == VMUNetConfiguration(classes: 3, dropPath: 0))
    }

    @Test func publishedSettingsAreValidAndOthersAreNamed() throws {
        for configuration in ConfigurationFileTests.various where !configuration.data.path.isEmpty { try configuration.validate() }
        #expect(RunConfiguration.isic17.problems.map(\.key) == ["data.path"])

        var wrong = RunConfiguration(.synapse, path: "x")
        wrong.data.classes = 1
        wrong.data.ignoredLabel = 300
        wrong.data.zoomJitter = 0.1
        wrong.data.colorJitter = .nan
        wrong.vmunet?.dims = [5, 10, 20, 40]
        wrong.initialWeights = ""
        wrong.loss.dice = -.infinity
        wrong.optimizer.betas = []
        wrong.schedule = .step(stepSize: 0)
        wrong.batchSize = 0
        wrong.accumulate = -1
        wrong.clipNorm = .nan
        wrong.emaDecay = -0.1
        wrong.earlyStopping = 0
        wrong.workers = -1
        wrong.threshold = .nan
        wrong.evaluateEvery = 0
        let error = #expect(throws: RunConfigurationError.self) { try wrong.validate() }
        let keys = [
            "data.classes", "data.class_names", "data.ignored_label", "data.zoom_jitter", "data.color_jitter", "network.dims",
            "initial_weights", "loss.dice", "optimizer.betas",
            "schedule.step_size", "batch_size", "accumulate", "clip_norm", "ema_decay", "early_stopping", "workers", "threshold",
            "evaluate_every",
        ]
        #expect(error?.problems.map(\.key) == keys)
        #expect(error?.description.contains("batch_size: expected 1 to 65536, got 0\n") == true)
    }

    @Test func everyProblemsKeyIsAKeyOfTheFile() {
        var wrong = RunConfiguration()
        wrong.data.imageSize = 0
        wrong.data.classes = 0
        wrong.data.classNames = ["a"]
        wrong.data.ignoredLabel = -1
        wrong.data.zoomJitter = 1.5
        wrong.data.colorJitter = -0.1
        wrong.vmunet?.dropPath = -1
        wrong.loss.classWeights = [-1]
        wrong.epochs = 0
        wrong.threshold = 0
        for (i, name) in OptimizerConfiguration.Name.allCases.enumerated() {
            wrong.optimizer = OptimizerConfiguration(name, learningRate: -1)
            wrong.schedule = [.step(stepSize: 0, gamma: 0), .cosineAnnealing(tMax: 0, etaMin: -1), .exponential(gamma: -1)][i % 3]
            for problem in wrong.problems { #expect(RunConfiguration.allKeys.contains(problem.key), "\(problem)") }
        }
    }

    /// By key: a section of one may have settings that the other's has not.
    @Test func differencesAreNamed() throws {
        let network = { (options: [String: OptionValue]) in NetworkSettings("malunet", options) }
        var (one, other) = (RunConfiguration.isic17, RunConfiguration.isic17)
        #expect(try one.difference(from: other) == nil)
        (one.epochs, other.epochs) = (2, 3)
        one.network = .other(network(["channels": .integers([8, 16])]))
        other.network = .other(network([:]))
        let text = try #require(try one.difference(from: other))
        #expect(Set(text.components(separatedBy: "; ")) == ["network.channels: [8, 16], not unset", "epochs: 2, not 3"])
        one.network = other.network
        other.optimizer.learningRate = 0.5
        #expect(try other.difference(from: one)?.contains("optimizer.learning_rate: 0.5, not ") == true)
    }

    @Test func codableRoundTrip() throws {
        for configuration in ConfigurationFileTests.various {
            #expect(try JSONDecoder().decode(RunConfiguration.self, from: JSONEncoder().encode(configuration)) == configuration)
        }
    }

    @Test func nearWords() {
        #expect(EditDistance.between("kitten", "sitting") == 3)
        #expect(EditDistance.between("", "abc") == 3 && EditDistance.between("abc", "") == 3 && EditDistance.between("", "") == 0)
        #expect(EditDistance.nearest(to: "Batch-Size", among: ["batch_size", "epochs"]) == "batch_size")
        #expect(EditDistance.nearest(to: "colour", among: ["batch_size", "epochs"]) == nil)
        #expect(EditDistance.nearest(to: "x", among: []) == nil)
    }
}
