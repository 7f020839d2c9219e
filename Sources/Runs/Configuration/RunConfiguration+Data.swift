import Segmentation
import TensorFiles

extension TrainingData {
    /// The sets that a configuration names.
    ///
    /// Throws ``DataError`` that lists what is wrong with them, and ``RunConfigurationError`` for settings that follow the
    /// validation loss where nothing is validated.
    public init(_ configuration: RunConfiguration) throws {
        self = try configuration.data.dataset.layout.trainingData(configuration.data, seed: configuration.seed)
        if validation == nil { try configuration.requireNoValidation() }
    }
}

extension RunConfiguration {
    /// Throws ``RunConfigurationError`` for settings that follow the validation loss, where there is none.
    fileprivate func requireNoValidation() throws(RunConfigurationError) {
        var problems: [Problem] = []
        if case .reduceOnPlateau = schedule {
            problems.append(
                Problem(
                    key: "schedule.name", expected: "a schedule that needs no validation (validation_fraction is 0)", got: schedule.name))
        }
        if let earlyStopping {
            problems.append(
                Problem(
                    key: "early_stopping", expected: "null where nothing is validated (validation_fraction is 0)", got: "\(earlyStopping)"))
        }
        if !problems.isEmpty { throw RunConfigurationError(problems: problems) }
    }

    /// Takes the number and the names of the classes from the set, where its layout lets sets say them.
    ///
    /// Throws ``DataError`` where the set names other classes than were given.
    /// - Parameters:
    ///   - givenCount: whether the number of classes is the user's and not a preset's.
    ///   - givenNames: the same for their names.
    public mutating func takeClassesFromSet(givenCount: Bool = false, givenNames: Bool = false) throws(DataError) {
        data = try data.dataset.layout.resolvingClasses(data, givenCount: givenCount, givenNames: givenNames)
    }

    /// Where and how the run computes.
    public var compute: Compute { Compute(device: device, precision: precision) }

    /// The loss that the run makes small.
    public var segmentationLoss: SegmentationLoss {
        SegmentationLoss(
            crossEntropyWeight: loss.crossEntropy, diceWeight: loss.dice, classWeights: loss.classWeights, ignoredLabel: data.ignoredLabel)
    }

    /// How a set is scored in the run.
    public var evaluation: Evaluator.Options {
        var options = Evaluator.Options()
        (options.batchSize, options.threshold) = (min(batchSize, 8), Float(threshold))
        (options.ignoredLabel, options.classNames, options.loss) = (data.ignoredLabel, data.classNames, segmentationLoss)
        return options
    }

    /// What the run's weights carry beside their tensors.
    package var weightsMetadata: [String: MetadataValue] {
        var metadata = data.dataset.layout.origin(data)
        (metadata.imageSize, metadata.dataset, metadata.threshold) = (data.imageSize, data.dataset, threshold)
        (metadata.ignoredLabel, metadata.classNames) = (data.ignoredLabel, data.classNames ?? metadata.classNames)
        if data.classes > 1 { metadata.classColors = (0..<data.classes).map(WeightsMetadata.usualColor) }
        return metadata.values
    }
}
