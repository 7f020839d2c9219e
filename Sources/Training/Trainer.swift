import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// Trains a VM-UNet: the loop is in ``run(_:)``, one epoch on one screen.
public final class Trainer {
    public let configuration: RunConfiguration
    public let network: VMUNet
    public private(set) var position = TrainingPosition()

    private let folder: RunFolder
    private let loader: DataLoader
    /// Nil where nothing is validated: then the last epoch is the one to keep.
    private let evaluator: Evaluator?
    private let optimizer: any Optimizer
    private let average: ExponentialMovingAverage?
    private let gradientStep: GradientStep
    private let device: Device
    private let mode: ForwardMode
    private let compileGraph: Bool

    /// What the trainer tells while it works.
    public enum Report: Sendable {
        case step(TrainingEvent, progress: Progress)
        case evaluating(done: Int, of: Int)
        case epoch(TrainingEvent.EpochRecord)
    }

    public struct Progress: Sendable {
        public var epoch: Int
        public var epochs: Int
        public var step: Int
        public var steps: Int
        public var imagesPerSecond: Double
        /// Until the last epoch ends, at the speed so far; nil until a speed is known.
        public var secondsLeft: Double?
    }

    /// How ``run(_:)`` ended.
    public enum Outcome: Sendable, Equatable {
        case finished
        /// The validation loss had not fallen for as many epochs as the configuration allows.
        case stoppedEarly
        /// Asked to stop; everything is saved.
        case interrupted
    }

    /// A new run in a new folder. With `compileGraph` a GPU is given the network's part of a step as one launch, recorded in the first few
    /// steps.
    public static func begin(_ configuration: RunConfiguration, in url: URL, data: TrainingData, compileGraph: Bool = false) throws -> (
        Trainer, PretrainedWeights.Report?
    ) {
        try configuration.validate()
        let (network, report) = try initialNetwork(configuration)
        let folder = try RunFolder.create(url)
        let trainer = try Trainer(configuration, network, folder, data, TrainingPosition(), compileGraph)
        try configuration.write(to: folder.configuration)
        return (trainer, report)
    }

    /// Throws what ``begin(_:in:data:)`` would for the file of initial weights.
    static func verifyInitialWeights(_ configuration: RunConfiguration) throws { _ = try initialNetwork(configuration) }

    private static func initialNetwork(_ configuration: RunConfiguration) throws -> (VMUNet, PretrainedWeights.Report?) {
        Torch.manualSeed(configuration.seed)
        let network = try VMUNet(configuration.network)
        guard let path = configuration.initialWeights else { return (network, nil) }
        let file = URL(filePath: path)
        let weights = try WeightsFile.read(file).networkWeights
        try weights.requireFinite(file: file.relativePath)
        do {
            return (network, try PretrainedWeights.apply(weights, to: network))
        } catch let error as any WeightsProblem {
            throw BadWeights(file: file.relativePath, problem: error)
        }
    }

    /// Goes on with a run where its last checkpoint stands; a run that was stopped before its first one begins anew.
    public static func resume(
        _ configuration: RunConfiguration, in url: URL, data: TrainingData, compileGraph: Bool = false
    ) throws -> Trainer {
        let folder = RunFolder(existing: url)
        guard FileManager.default.fileExists(atPath: folder.last.path) else {
            try OutputFolder.make(url.appending(path: "checkpoints"), option: "--run")
            return try Trainer(configuration, initialNetwork(configuration).0, folder, data, TrainingPosition(), compileGraph)
        }
        let checkpoint = try Checkpoint(folder.last)
        let network: VMUNet
        do {
            network = try VMUNet(configuration.network, weights: checkpoint.tensors.networkWeights)
        } catch let error as any WeightsProblem {
            throw BadWeights(file: folder.last.relativePath, problem: error)
        }
        let trainer = try Trainer(configuration, network, folder, data, checkpoint.position, compileGraph)
        try checkpoint.restore(trainer.optimizer, trainer.average)
        return trainer
    }

    private init(
        _ configuration: RunConfiguration, _ network: VMUNet, _ folder: RunFolder, _ data: TrainingData, _ position: TrainingPosition,
        _ compileGraph: Bool
    ) throws {
        self.configuration = configuration
        self.folder = folder
        self.position = position
        self.compileGraph = compileGraph
        device = try configuration.device.resolved()
        self.network = try network.on(device)
        mode = ForwardMode(precision: configuration.precision.elementType, isTraining: true)
        var options = DataLoader.Options.training(batchSize: configuration.batchSize, seed: configuration.seed)
        options.augment = configuration.data.augment
        if let workers = configuration.workers { options.workers = workers }
        loader = DataLoader(data.training, options)
        evaluator = data.validation.map { Evaluator($0, configuration.evaluation) }
        let parameters = self.network.parameters.map { $0.tensor.requiringGrad() }
        optimizer = configuration.optimizer.make(parameters)
        average = configuration.emaDecay.map { ExponentialMovingAverage(parameters, decay: $0) }
        gradientStep = GradientStep(
            self.network, configuration.segmentationLoss, mode, optimizer, accumulate: configuration.accumulate,
            recordingBatchesOf: compileGraph ? configuration.batchSize : nil)
    }

    // MARK: - The loop

    /// Trains until the last epoch, until it does not pay any more, or until `shouldStop` says so; saves after every epoch and before it stops.
    ///
    /// Throws ``NonFiniteLoss`` before a loss that is not a number spoils anything, ``FolderError`` while another process trains in the folder, and, after
    /// saving, what the data set throws.
    public func run(shouldStop: () -> Bool = { false }, report: (Report) -> Void = { _ in }) throws -> Outcome {
        let lock = try RunLock(folder)
        defer { withExtendedLifetime(lock) {} }
        folder.removeUnfinished()
        // What may change on resuming is kept only now that the data were found and nobody else trains here.
        if (try? RunConfiguration(yamlFile: folder.configuration)) != configuration { try configuration.write(to: folder.configuration) }
        do {
            return try loop(shouldStop, report)
        } catch is Interruption {
            try save()
            return .interrupted
        } catch let error as DataError {
            // A picture that turns out bad costs no training: once it is mended, the run goes on where it was.
            if isBetweenSteps { try? save() }
            throw error
        }
    }

    private struct Interruption: Error {}

    /// Whether no gradients are gathered that would be in no checkpoint.
    private var isBetweenSteps: Bool { position.step.isMultiple(of: configuration.accumulate) || position.step == loader.stepsPerEpoch }

    private func loop(_ shouldStop: () -> Bool, _ report: (Report) -> Void) throws -> Outcome {
        let machine = RunEnvironment(instructionSet: Torch.instructionSet, libtorch: Torch.version, device: device.name)
        let recorder = try RunRecorder(folder, after: position, stepsPerEpoch: loader.stepsPerEpoch, on: machine)
        var speed = Speed(remaining: remainingImages)
        while position.epoch < configuration.epochs {
            if hasStoppedImproving { return .stoppedEarly }
            let epoch = position.epoch
            let started = ContinuousClock.now
            optimizer.learningRate = configuration.schedule.learningRate(
                base: configuration.optimizer.learningRate, epoch: epoch, losses: position.validationLosses)

            let batches = loader.batches(epoch: epoch, from: position.step)
            while let batch = try batches.next() {
                if isBetweenSteps, shouldStop() { throw Interruption() }
                let value = try step(batch)
                position.lossSum += value * Double(batch.count)
                position.images += batch.count
                let event = TrainingEvent.step(epoch: epoch + 1, step: position.step, loss: value, learningRate: optimizer.learningRate)
                try recorder.record(event)
                speed.add(batch.count)
                report(.step(event, progress: progress(speed)))
            }

            let isDue = (epoch + 1).isMultiple(of: configuration.evaluateEvery) || epoch + 1 == configuration.epochs
            let result = isDue ? try evaluate(shouldStop, report) : nil
            let record = finishEpoch(result, seconds: (ContinuousClock.now - started).seconds)
            if record.isBest { try saveBest(record) }
            // Before the checkpoint: a line too many is cut off on resuming, one that is missing would be lost.
            try recorder.record(.epoch(record))
            try save()
            report(.epoch(record))
        }
        return hasStoppedImproving ? .stoppedEarly : .finished
    }

    /// Forward, loss, backward, and with enough gradients gathered one step of the optimiser.
    private func step(_ batch: Batch) throws -> Double {
        // Stochastic depth draws from libtorch's generator: seeded by the step, it needs no state in a checkpoint.
        Torch.manualSeed(StepSeed.of(configuration.seed, epoch: position.epoch, step: position.step))
        let isFirst = position.step.isMultiple(of: configuration.accumulate)
        let isLast = (position.step + 1).isMultiple(of: configuration.accumulate) || position.step + 1 == loader.stepsPerEpoch
        let inputs = try withTorchErrors { BatchTensors(batch, on: device) }
        let scalar = try gradientStep(inputs, isFirst: isFirst) { loss in
            guard !loss.isFinite else { return }
            throw NonFiniteLoss(
                epoch: position.epoch + 1, step: position.step + 1, pictures: batch.names, loss: loss,
                layer: network.firstNonFiniteLayer(inputs.images, mode), configuration: folder.configuration.relativePath)
        }
        if isLast {
            try withTorchErrors {
                if let norm = configuration.clipNorm { clipGradients(optimizer.parameters, maximumNorm: norm) }
                optimizer.step()
                average?.update()
            }
        }
        position.step += 1
        if isLast { position.totalSteps += 1 }
        return scalar
    }

    private func evaluate(_ shouldStop: () -> Bool, _ report: (Report) -> Void) throws -> EvaluationResult? {
        guard let evaluator else { return nil }
        func evaluation() throws -> EvaluationResult {
            let scorer = TorchScorer(
                network, configuration.segmentationLoss, precision: configuration.precision, compileGraph: compileGraph)
            return try evaluator.evaluate(scorer) { done, count in
                report(.evaluating(done: done, of: count))
                if shouldStop() { throw Interruption() }
            }
        }
        do {
            guard let average else { return try evaluation() }
            return try average.withAveragedWeights(evaluation)
        } catch let error as NonFiniteScore {
            throw NonFiniteLoss(
                epoch: position.epoch + 1, step: position.step, pictures: error.pictures, loss: error.loss, layer: error.layer,
                configuration: folder.configuration.relativePath, isValidation: true)
        }
    }

    private func finishEpoch(_ result: EvaluationResult?, seconds: Double) -> TrainingEvent.EpochRecord {
        let trainLoss = position.images > 0 ? position.lossSum / Double(position.images) : 0
        let isBest =
            result.map { $0.loss < position.bestLoss ?? .infinity } ?? (evaluator == nil && position.epoch + 1 == configuration.epochs)
        position.epoch += 1
        (position.step, position.lossSum, position.images) = (0, 0, 0)
        if let result {
            position.validationLosses.append(result.loss)
            if isBest { (position.bestLoss, position.bestEpoch) = (result.loss, position.epoch) }
        } else if isBest {
            position.bestEpoch = position.epoch
        }
        return .init(
            epoch: position.epoch, trainLoss: trainLoss, validationLoss: result?.loss, scores: result?.pooled,
            learningRate: optimizer.learningRate, seconds: seconds, isBest: isBest)
    }

    // MARK: - Saving

    private func save() throws {
        try Checkpoint(network: network, optimizer: optimizer, average: average, position: position).write(
            to: folder.last, configuration: configuration)
    }

    private func saveBest(_ record: TrainingEvent.EpochRecord) throws {
        var weights = try average?.withAveragedWeights { try network.stateDictionary() } ?? network.stateDictionary()
        for (key, value) in configuration.weightsMetadata { weights.metadata[key] = value }
        weights.metadata["epoch"] = .integer(record.epoch)
        record.validationLoss.map { weights.metadata["val_loss"] = .number($0) }
        try WeightsFile.write(weights, to: folder.best)
    }

    private var hasStoppedImproving: Bool { configuration.hasStoppedImproving(position.validationLosses) }

    // MARK: - Progress

    private var remainingImages: Int {
        (configuration.epochs - position.epoch) * loader.dataset.count - position.step * configuration.batchSize
    }

    private func progress(_ speed: Speed) -> Progress {
        Progress(
            epoch: position.epoch + 1, epochs: configuration.epochs, step: position.step, steps: loader.stepsPerEpoch,
            imagesPerSecond: speed.perSecond, secondsLeft: speed.secondsLeft)
    }
}

/// Images done in a time, and from that the time for those to come.
private struct Speed {
    private let start = ContinuousClock.now
    private var done = 0
    private let remaining: Int

    init(remaining: Int) { self.remaining = remaining }

    mutating func add(_ images: Int) { done += images }
    var perSecond: Double { Double(done) / max((ContinuousClock.now - start).seconds, 1e-9) }
    var secondsLeft: Double? { done > 0 ? Double(remaining - done) / perSecond : nil }
}

/// The seed of a step's random numbers, a function of where it is in the run alone.
enum StepSeed {
    static func of(_ seed: UInt64, epoch: Int, step: Int) -> UInt64 {
        // SplitMix64's finaliser over the three numbers: neighbouring steps get unrelated seeds.
        var z = seed &+ 0x9E37_79B9_7F4A_7C15 &* (UInt64(epoch) << 32 | UInt64(step) &+ 1)
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
