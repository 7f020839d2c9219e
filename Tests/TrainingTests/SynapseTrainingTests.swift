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

/// Suites that train. libtorch has one random number generator for all threads, so concurrent runs
/// would not be reproducible.
@Suite(.serialized) enum TrainingSuites {}

extension TrainingSuites {
    @Suite("Training in Synapse's layout")
    struct SynapseTrainingTests {
        // MARK: Classes

        @Test func networkHasTheSetsClasses() throws {
            let settings = try SynapseSet.configuration()
            #expect(settings.data.classes == 4 && settings.vmunet?.classes == 4 && settings.data.classNames == SynapseSet.names)
            #expect(
                try TorchVMUNet(#require(settings.vmunet)).parameters.first { $0.key == "vmunet.final_conv.weight" }?.tensor.shape == [
                    4, 3, 1, 1,
                ])
        }

        @Test func classesThatTheUserGaveStay() throws {
            try SynapseSet.withCopy { folder in
                var settings = RunConfiguration(.synapse, path: folder.path)
                settings.data.classes = 7
                let error = try #require(throws: DataError.self) { try settings.takeClassesFromSet(givenCount: true) }
                #expect(error.description.contains("4 classes") && error.description.contains("7"))
                try FileManager.default.removeItem(at: folder.appending(path: "dataset.json"))
                try settings.takeClassesFromSet(givenCount: true)
                #expect(settings.data.classes == 7 && settings.data.classNames?.count == 7)
                settings.data.classNames = ["a", "b", "c", "d", "e"]
                try settings.takeClassesFromSet(givenNames: true)
                #expect(settings.data.classes == 5 && settings.data.classNames?.last == "e")
                // Without either, the labels are counted.
                try settings.takeClassesFromSet()
                #expect(settings.data.classNames == ["background", "class 1", "class 2", "class 3"])
                settings.data.ignoredLabel = 3
                try settings.takeClassesFromSet()
                #expect(settings.data.classes == 3)
            }
        }

        @Test func keysThatAFileGivesAreKnown() throws {
            try withTemporaryFolder { folder in
                let file = folder.appending(path: "c.yaml")
                try Data("data: {dataset: synapse, classes: 4}\nepochs: 3\n".utf8).write(to: file)
                #expect(try RunConfiguration.lines(inYAMLFile: file) == ["data": 1, "data.dataset": 1, "data.classes": 1, "epochs": 2])
            }
        }

        // MARK: Validation

        @Test func patientsAreHeldBackWithoutAList() throws {
            var settings = try SynapseSet.configuration()
            let sets = try TrainingData(settings)
            let (training, validation) = (try #require(sets.training as? SynapseDataset), try #require(sets.validation as? SynapseDataset))
            #expect(training.patients.count == 3 && validation.patients.count == 1 && training.count == 9 && validation.count == 3)
            #expect(Set(training.patients).isDisjoint(with: validation.patients))
            #expect(sets.notes.contains { $0.contains("1 of 4 cases") })
            settings.seed = 43
            settings.data.validationFraction = 0.5
            #expect(try TrainingData(settings).validation?.count == 6)
        }

        @Test func aListOfItsOwnValidates() throws {
            try SynapseSet.withCopy { folder in
                let lists = folder.appending(path: "lists/lists_Synapse")
                try Data("case0003_slice000\n".utf8).write(to: lists.appending(path: "val.txt"))
                let settings = try SynapseSet.configuration(folder)
                let sets = try TrainingData(settings)
                #expect(sets.training.count == 12 && sets.validation?.count == 1)
                #expect(sets.notes.contains { $0.contains("case0003") })  // it is in both lists
                try Data((0..<3).flatMap { p in (0..<3).map { "case000\(p)_slice00\($0)\n" } }.joined().utf8).write(
                    to: lists.appending(path: "train.txt"))
                #expect(!(try TrainingData(settings).notes.contains { $0.contains("case0003") }))
            }
        }

        /// Published settings: trains on every patient, validates nothing, keeps the last epoch's
        /// weights.
        @Test func lastEpochIsKeptWithoutValidation() throws {
            try withTemporaryFolder { folder in
                var settings = try SynapseSet.configuration()
                settings.data.validationFraction = 0
                let sets = try TrainingData(settings)
                #expect(sets.validation == nil && sets.training.count == 12 && !sets.notes.isEmpty)
                let url = folder.appending(path: "run")
                let trainer = try Trainer.begin(settings, in: url, data: sets).0
                #expect(try trainer.run() == .finished)
                let run = RunFolder(existing: url)
                let epochs = try run.epochs()
                #expect(epochs.map(\.isBest) == [false, true] && epochs.allSatisfy { $0.validationLoss == nil })
                let (best, last) = (try WeightsFile.read(run.best), try WeightsFile.read(run.last).networkWeights)
                #expect(best.keys == last.keys && best.keys.allSatisfy { best[$0] == last[$0] })
                #expect(best.metadata["class_names"]?.text == "background,disc,block,dot")

                settings.schedule = .reduceOnPlateau(.init())
                settings.earlyStopping = 3
                let error = try #require(throws: RunConfigurationError.self) { try TrainingData(settings) }
                #expect(error.problems.map(\.key) == ["schedule.name", "early_stopping"])
            }
        }

        // MARK: Learning

        /// With slices of one channel, the loss falls, and the classes are told apart on an unseen
        /// patient.
        @Test func networkLearns() throws {
            try withTemporaryFolder { folder in
                var settings = try SynapseSet.configuration()
                settings.epochs = 40
                settings.data.augment = false
                let url = folder.appending(path: "run")
                #expect(try Trainer.begin(settings, in: url, data: try TrainingData(settings)).0.run() == .finished)
                let epochs = try RunFolder(existing: url).epochs()
                #expect(epochs[39].trainLoss < 0.4 * epochs[0].trainLoss)
                #expect((epochs.last(where: \.isBest)?.scores?.dsc ?? 0) > 0.8)
                let segmenter = try Segmenter(weights: RunFolder(existing: url).best, compute: Compute(device: .cpu), networks: .torch)
                #expect(segmenter.classNames == SynapseSet.names && segmenter.dataset == .synapse && segmenter.imageSize == 32)
            }
        }

        // MARK: Bad input

        /// Every invalid slice is named before a run starts, not in its third epoch.
        @Test func everyUnsoundSliceIsNamed() throws {
            try SynapseSet.withCopy { folder in
                let slices = folder.appending(path: "train_npz")
                let whole = try Data(contentsOf: slices.appending(path: "case0001_slice001.npz"))
                try whole.prefix(whole.count / 2).write(to: slices.appending(path: "case0001_slice001.npz"))
                try Data("no archive".utf8).write(to: slices.appending(path: "case0002_slice000.npz"))
                var settings = try SynapseSet.configuration(folder)
                settings.data.validationFraction = 0
                let sets = try TrainingData(settings)
                let error = try #require(throws: DataError.self) { try sets.verify() }
                #expect(error.problems.count == 2 && error.path.hasSuffix("train_npz") && !error.remedy.isEmpty)
                #expect(["case0001_slice001.npz", "case0002_slice000.npz"].allSatisfy(error.description.contains))
            }
        }

        @Test func aLabelBeyondTheClassesIsNamed() throws {
            var settings = try SynapseSet.configuration()
            (settings.data.classes, settings.data.classNames) = (3, ["background", "disc", "block"])
            let sets = try TrainingData(settings)
            let error = try #require(throws: DataError.self) { try sets.verify() }
            #expect(error.kind == .labelOutOfRange && error.problems.count > 1)
            settings.data.ignoredLabel = 3
            try TrainingData(settings).verify()
        }
    }
}
