import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// Trains a network. ``run(savingEvery:shouldStop:report:)`` has the loop.
public final class Trainer {
    /// The run's settings, with every default of its network.
    public let configuration: RunConfiguration
    /// On its device.
    package let network: any SegmentationNetwork
    /// The run's progress.
    public private(set) var position = TrainingPosition()

    private let folder: RunFolder
    private let loader: DataLoader
    /// Nil if nothing is validated; then the last epoch is kept.
    private let evaluator: Evaluator?
    private let optimizer: any Optimizer
    private let average: ExponentialMovingAverage?
    private let gradientStep: GradientStep
    private let device: Device
    private let mode: ForwardMode
    private let compileGraph: Bool
    private let processes: Processes
    private var group: any ProcessGroup { processes.group }
    /// The way of gradients between processes, if one is worth a word.
    public let gradientRoute: String?

    /// The end of ``Trainer/run(savingEvery:shouldStop:report:)``.
    public enum Outcome: Sendable, Equatable {
        case finished
        /// The validation loss has not fallen for as many epochs as the configuration allows.
        case stoppedEarly
        /// Stopped on request; everything is saved.
        case interrupted
    }

    /// Starts a new run in a new folder. With `compileGraph`, the network's part of a step is
    /// recorded on a GPU in the first few steps and then launched as one. Of several `processes`
    /// each begins the run, and process 0 makes its folder.
    ///
    /// - Returns: the trainer, and how the file of initial weights was used, if there is one.
    public static func begin(
        _ configuration: RunConfiguration, in url: URL, data: TrainingData, compileGraph: Bool = false, processes: Processes = .alone
    ) throws -> (trainer: Trainer, initialWeights: PretrainedWeights.Report?) {
        try configuration.validate()
        let configuration = try configuration.completed()
        let (network, report) = try initialNetwork(configuration)
        try TrainedParameters.check(network.parameters.map(\.key), configuration)
        try processes.check(network, configuration, compileGraph: compileGraph)
        let folder = try processes.rank == 0 ? RunFolder.create(url) : RunFolder(existing: url)
        let trainer = try Trainer(configuration, network, in: folder, data: data, compileGraph: compileGraph, processes: processes)
        if processes.rank == 0 { try configuration.write(to: folder.configuration) }
        return (trainer, report)
    }

    /// Throws what ``begin(_:in:data:compileGraph:)`` would for the file of initial weights.
    static func verifyInitialWeights(_ configuration: RunConfiguration) throws { _ = try initialNetwork(configuration) }

    private static func initialNetwork(
        _ configuration: RunConfiguration
    ) throws -> (network: any SegmentationNetwork, report: PretrainedWeights.Report?) {
        Torch.manualSeed(configuration.seed)
        let network = try configuration.makeNetwork()
        guard let path = configuration.initialWeights else { return (network, nil) }
        let file = URL(filePath: path)
        let weights = try NetworkWeights.read(file, choosing: configuration.initialWeightsSet.map(WeightsChoice.init(name:)) ?? .model)
        try weights.requireUsable(file: file.relativePath)
        _ = try weights.origin(file: file.relativePath)
        do {
            var report = try PretrainedWeights.apply(weights, to: network)
            report.notes = weights.notes + report.notes
            return (network, report)
        } catch let error as any WeightsProblem {
            throw BadWeights(file: file.relativePath, weights: weights, problem: error)
        }
    }

    /// Continues a run from its last checkpoint; a run that was stopped before its first one starts
    /// anew.
    public static func resume(
        _ configuration: RunConfiguration, in url: URL, data: TrainingData, compileGraph: Bool = false, processes: Processes = .alone
    ) throws -> Trainer {
        let configuration = try configuration.completed()
        let folder = RunFolder(existing: url)
        guard FileManager.default.fileExists(atPath: folder.last.path) else {
            try Folder.make(url.appending(path: "checkpoints"), option: "--run")
            let network = try initialNetwork(configuration).network
            try processes.check(network, configuration, compileGraph: compileGraph)
            return try Trainer(configuration, network, in: folder, data: data, compileGraph: compileGraph, processes: processes)
        }
        let checkpoint = try Checkpoint(folder.last)
        let network: any SegmentationNetwork
        do {
            network = try configuration.makeNetwork(from: ParameterStore(weights: checkpoint.network))
        } catch let error as any WeightsProblem {
            throw BadWeights(file: folder.last.relativePath, problem: error)
        }
        try processes.check(network, configuration, compileGraph: compileGraph)
        let steps = EpochOrder(count: data.training.count, batchSize: configuration.batchSize, seed: 0, shuffle: false).stepsPerEpoch
        if let problem = checkpoint.position.problem(stepsPerEpoch: steps, samples: data.training.count) {
            throw FileError(
                .corrupt, file: folder.last.relativePath, reason: "its position in the run is impossible: \(problem)",
                remedy: "resume with the data that the run started with; otherwise the file is damaged: start from its weights with --init")
        }
        let trainer = try Trainer(
            configuration, network, in: folder, data: data, at: checkpoint.position, compileGraph: compileGraph, processes: processes)
        try checkpoint.restore(trainer.optimizer, trainer.average)
        return trainer
    }

    private init(
        _ configuration: RunConfiguration, _ network: any SegmentationNetwork, in folder: RunFolder, data: TrainingData,
        at position: TrainingPosition = TrainingPosition(), compileGraph: Bool, processes: Processes
    ) throws {
        self.configuration = configuration
        self.folder = folder
        self.position = position
        self.compileGraph = compileGraph
        self.processes = processes
        device = try configuration.device.resolved()
        self.network = try network.on(device)
        mode = ForwardMode(precision: configuration.precision.ofProducts, isTraining: true)
        var options = DataLoader.Options.training(batchSize: configuration.batchSize, seed: configuration.seed)
        // Patches are chosen by the same random numbers.
        options.augment = configuration.data.augment || configuration.data.patchSize != nil
        options.variation = configuration.data.variation
        options.workers = configuration.workers ?? max(1, options.workers / processes.onThisMachine)
        loader = DataLoader(data.training, options)
        evaluator = data.validation.map { Evaluator($0, configuration.evaluation) }
        let placed = self.network
        (optimizer, average) = try withTorchErrors {
            let trained = try TrainedParameters(placed, configuration)
            return (
                trained.optimizer(configuration.optimizer),
                configuration.emaDecay.map { ExponentialMovingAverage(trained.all, decay: $0) }
            )
        }
        let (gradients, route) = processes.makeGradientSum(of: optimizer.parameters)
        gradientRoute = route
        gradientStep = GradientStep(
            self.network, configuration.segmentationLoss, mode, optimizer, among: processes.group, summing: gradients,
            accumulate: configuration.accumulate, recordingBatchesOf: compileGraph ? configuration.batchSize : nil)
    }

    // MARK: - The loop

    /// Trains until the last epoch, early stopping, or `shouldStop` on any process. Saves after
    /// every epoch, at the first step `savingEvery` after the last time, and before it stops.
    ///
    /// Throws ``NonFiniteLoss`` before a loss that is not finite does any harm;
    /// ``/Files/FileError`` if another process is training in the folder; and, after saving, what
    /// the data set throws. If one of several processes throws, the others throw
    /// ``ProcessFailed``.
    public func run(
        savingEvery interval: Duration? = nil, shouldStop: () -> Bool = { false }, report: (TrainingProgress) -> Void = { _ in }
    ) throws -> Outcome {
        let recorder =
            try processes.rank == 0
            ? RunRecorder(folder, configuration, after: position, stepsPerEpoch: loader.stepsPerEpoch, on: device) : nil
        do {
            return try loop(recorder, interval, shouldStop, report)
        } catch is Interruption {
            try recorder?.save(checkpoint())
            group.meet()
            return .interrupted
        } catch let error where error is DataError || (error as? ProcessFailed)?.isDataError == true {
            // A bad picture costs no training: once it is fixed, the run continues from here.
            if isStepComplete(position.step) { try? recorder?.save(checkpoint()) }
            group.meet()
            throw error
        }
    }

    private func loop(
        _ recorder: RunRecorder?, _ interval: Duration?, _ shouldStop: () -> Bool, _ report: (TrainingProgress) -> Void
    ) throws -> Outcome {
        var pace = Pace(remaining: remainingImages)
        var saved = ContinuousClock.now
        try processes.requireEqual(optimizer.parameters)
        while position.epoch < configuration.epochs {
            if hasStoppedImproving { return .stoppedEarly }
            let epoch = position.epoch
            let started = ContinuousClock.now
            optimizer.learningRate = configuration.schedule.learningRate(
                base: configuration.optimizer.learningRate, epoch: epoch, losses: position.validationLosses)

            let batches = loader.batches(epoch: epoch, from: position.step) { _, batch in Array(batch[part(of: batch.count).range]) }
            while position.step < loader.stepsPerEpoch {
                let part = part(of: loader.order.size(ofStep: position.step))
                let batch = try group.together {
                    if isStepComplete(position.step), shouldStop() { throw Interruption() }
                    return try part.count > 0 ? batches.next() : nil
                }
                guard batch != nil || part.count == 0 else { break }
                let loss = try step(batch, part)
                position.lossSum += loss * Double(part.total)
                position.images += part.total
                let event = TrainingEvent.step(epoch: epoch + 1, step: position.step, loss: loss, learningRate: optimizer.learningRate)
                try recorder?.record(event)
                pace.add(part.total)
                report(.step(event, of: loader.stepsPerEpoch, epochs: configuration.epochs, pace))
                if let interval, ContinuousClock.now - saved >= interval, isStepComplete(position.step) {
                    try recorder?.save(checkpoint())
                    saved = .now
                }
            }

            let isDue = (epoch + 1).isMultiple(of: configuration.evaluateEvery) || epoch + 1 == configuration.epochs
            let result = isDue ? try evaluate(shouldStop, report) : nil
            let record = finishEpoch(result, seconds: (ContinuousClock.now - started).seconds)
            try processes.requireEqual(optimizer.parameters)
            if record.isBest { try recorder?.keep(keptWeights(), of: record) }
            // Before the checkpoint: an extra line is cut off on resuming, a missing one would be
            // lost.
            try recorder?.record(.epoch(record))
            try recorder?.save(checkpoint())
            saved = .now
            report(.epoch(record))
        }
        return hasStoppedImproving ? .stoppedEarly : .finished
    }

    /// This process's part of a batch.
    private func part(of total: Int) -> BatchPart { BatchPart(of: total, rank: group.rank, size: group.size) }

    /// True if this many batches of an epoch make up whole optimiser steps; the epoch's last step
    /// may have fewer.
    private func isStepComplete(_ batches: Int) -> Bool {
        batches.isMultiple(of: configuration.accumulate) || batches == loader.stepsPerEpoch
    }

    /// Forward, loss, backward; once enough gradients are accumulated, an optimiser step. The batch
    /// is this process's part, nil if that is empty.
    private func step(_ batch: Batch?, _ part: BatchPart) throws -> Double {
        // Stochastic depth draws from libtorch's generator. Seeding it for every step saves its
        // state from checkpoints.
        Torch.manualSeed(StepSeed.of(configuration.seed, epoch: position.epoch, step: position.step))
        let inputs = try withTorchErrors {
            batch.map { BatchTensors($0, on: device, for: configuration.segmentationLoss, of: network.classes) }
        }
        let (isFirst, isLast) = (isStepComplete(position.step), isStepComplete(position.step + 1))
        let scalar = try gradientStep(inputs, part: part, isFirst: isFirst, isLast: isLast) { loss in
            guard !loss.isFinite else { return }
            throw nonFinite(loss, batch, inputs)
        }
        position.step += 1
        guard isLast else { return scalar }
        try withTorchErrors {
            if let norm = configuration.clipNorm { clipGradients(optimizer.parameters, maximumNorm: norm) }
            optimizer.step()
            average?.update()
        }
        position.totalSteps += 1
        return scalar
    }

    /// The error to throw. All processes find the same loss; the one whose pictures caused it names
    /// them.
    private func nonFinite(_ loss: Double, _ batch: Batch?, _ inputs: BatchTensors?) -> any Error {
        let layer = inputs.flatMap { network.firstNonFiniteLayer($0.images, mode) }
        let speaker = group.gather([layer == nil ? 0 : 1 as UInt8]).firstIndex { $0[0] == 1 } ?? 0
        guard group.rank == speaker else { return ProcessFailed(rank: speaker, isDataError: false) }
        return NonFiniteLoss(
            epoch: position.epoch + 1, step: position.step + 1, pictures: batch?.names ?? [], loss: loss, layer: layer,
            configuration: folder.configuration.relativePath)
    }

    /// Scores the validation set. Each process scores some batches, and all get the whole result.
    private func evaluate(_ shouldStop: () -> Bool, _ report: (TrainingProgress) -> Void) throws -> EvaluationResult? {
        guard let evaluator else { return nil }
        let scorer = TorchScorer(network, configuration.segmentationLoss, precision: configuration.precision, compileGraph: compileGraph)
        func progress(_ done: Int, _ count: Int) throws {
            report(.evaluating(done: done, of: count))
            if shouldStop() { throw Interruption() }
        }
        func averaged<Result>(_ body: () throws -> Result) throws -> Result { try average?.withAveragedWeights(body) ?? body() }
        func part(_ shard: Shard) throws -> EvaluationPart {
            guard let tile = configuration.data.patchSize else { return try evaluator.part(shard, scorer, progress: progress) }
            var compute = configuration.compute
            compute.compileGraph = compileGraph
            return try evaluator.part(shard, TorchInference(network, compute), tile: tile, progress: progress)
        }
        do {
            guard group.size > 1 else { return evaluator.result(of: [try averaged { try part(.whole) }]) }
            let part = try group.together { try averaged { try part(Shard(index: group.rank, count: group.size)) } }
            let parts = try group.gather([UInt8](JSONEncoder().encode(part)))
            return evaluator.result(of: try parts.map { try JSONDecoder().decode(EvaluationPart.self, from: Data($0)) })
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

    private func checkpoint() throws -> Checkpoint {
        try Checkpoint(network: network, optimizer: optimizer, average: average, position: position)
    }

    /// The weights to predict with: the averaged ones if the run averages, without the loss's own.
    private func keptWeights() throws -> StateDictionary {
        try (average?.withAveragedWeights { try network.stateDictionary() } ?? network.stateDictionary()).networkWeights
    }

    private var hasStoppedImproving: Bool { configuration.hasStoppedImproving(position.validationLosses) }

    /// True if nothing is left to train: all epochs are done, or early stopping ended the run.
    public var isFinished: Bool { position.epoch >= configuration.epochs || hasStoppedImproving }

    private var remainingImages: Int {
        (configuration.epochs - position.epoch) * loader.dataset.count - position.step * configuration.batchSize
    }
}
