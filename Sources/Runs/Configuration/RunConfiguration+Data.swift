import Files
import Segmentation
import TensorFiles

extension TrainingData {
    /// The sets that a configuration names.
    ///
    /// Throws ``/Segmentation/DataError``, which lists everything wrong with them, and
    /// ``RunConfigurationError`` for settings that need a validation loss when nothing is
    /// validated.
    public init(_ configuration: RunConfiguration) throws {
        self = try configuration.data.dataset.layout.trainingData(configuration.data, seed: configuration.seed)
        if validation == nil { try configuration.requireNoValidation() }
    }
}

extension RunConfiguration {
    /// Throws ``RunConfigurationError`` for settings that need a validation loss.
    fileprivate func requireNoValidation() throws(RunConfigurationError) {
        var problems: [InvalidSetting] = []
        if case .reduceOnPlateau = schedule {
            problems.append(
                InvalidSetting(
                    "schedule.name", expected: "a schedule that needs no validation (validation_fraction is 0)", got: schedule.name))
        }
        if let earlyStopping {
            problems.append(
                InvalidSetting(
                    "early_stopping", expected: "null if nothing is validated (validation_fraction is 0)", got: "\(earlyStopping)"))
        }
        if !problems.isEmpty { throw RunConfigurationError(problems: problems) }
    }

    /// Takes the number and names of the classes from the set if its layout lets sets define them.
    ///
    /// Throws ``/Segmentation/DataError`` if the set's classes differ from those given.
    /// - Parameters:
    ///   - givenCount: whether the user, not a preset, gave the number of classes.
    ///   - givenNames: whether the user, not a preset, gave the names.
    public mutating func takeClassesFromSet(givenCount: Bool = false, givenNames: Bool = false) throws(DataError) {
        data = try data.dataset.layout.resolvingClasses(data, givenCount: givenCount, givenNames: givenNames)
    }

    /// Takes from the set how its volumes are turned, resampled and mapped; what the settings give
    /// already is kept.
    ///
    /// Throws ``/Segmentation/DataError`` that names every case which does not fit.
    /// - Parameter givenSize: whether the user, not a preset, gave the network's input size.
    public mutating func takePlanFromSet(givenSize: Bool = false) throws(DataError) {
        data = try data.dataset.layout.planned(data, givenSize: givenSize)
    }

    /// The device and precision of the run.
    public var compute: Compute { Compute(device: device, precision: precision) }

    /// The loss to train on.
    public var segmentationLoss: SegmentationLoss {
        SegmentationLoss(
            crossEntropyWeight: loss.crossEntropy, diceWeight: loss.dice, classWeights: loss.classWeights, ignoredLabel: data.ignoredLabel,
            terms: loss.terms, deepSupervision: loss.deepSupervision)
    }

    /// The run's rules for scoring a set.
    public var evaluation: Evaluator.Options {
        var options = Evaluator.Options()
        (options.batchSize, options.threshold) = (min(batchSize, 8), Float(threshold))
        (options.ignoredLabel, options.classNames, options.loss) = (data.ignoredLabel, data.classNames, segmentationLoss)
        return options
    }

    /// The metadata stored with the run's weights.
    package var weightsMetadata: [String: MetadataValue] {
        var metadata = data.dataset.layout.origin(data)
        (metadata.imageSize, metadata.dataset, metadata.threshold) = (data.imageSize, data.dataset, threshold)
        metadata.patchSize = data.patchSize
        (metadata.ignoredLabel, metadata.classNames) = (data.ignoredLabel, data.classNames ?? metadata.classNames)
        if data.classes > 1 { metadata.classColors = (0..<data.classes).map(WeightsMetadata.usualColor) }
        let network: NetworkSettings
        switch self.network {
        // Its weights' shapes say the rest.
        case .vmunet: network = NetworkSettings(NetworkSettings.vmunet)
        case .other(let settings): network = settings.carrying(classes: data.classes, inputChannels: data.inputChannels)
        }
        return metadata.values.merging(network.metadata) { $1 }
    }
}
