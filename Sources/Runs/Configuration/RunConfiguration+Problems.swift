import Files
import Segmentation
import VMUNet

extension RunConfiguration {
    /// Throws ``RunConfigurationError`` with every invalid setting.
    public func validate() throws(RunConfigurationError) {
        let problems = problems
        if !problems.isEmpty { throw RunConfigurationError(problems: problems) }
    }

    /// Every invalid setting, in the order of the file.
    public var problems: [InvalidSetting] {
        var problems: [InvalidSetting] = []
        func require(_ holds: Bool, _ key: String, _ expected: String, _ got: Any) { problems.require(holds, key, expected, got) }
        func within(_ range: ClosedRange<Int>, _ key: String, _ value: Int?) {
            if let value { require(range.contains(value), key, "\(range.lowerBound) to \(range.upperBound)", value) }
        }

        require(!data.path.isEmpty, "data.path", "the data set's folder", "nothing")
        let sizes = Segmenter.imageSizes
        let fits = sizes.contains(data.imageSize) && data.imageSize.isMultiple(of: 32)
        let sizeKey = data.patchSize == nil ? "data.image_size" : "data.patch_size"
        require(fits, sizeKey, "a multiple of 32 from \(sizes.lowerBound) to \(sizes.upperBound)", data.imageSize)
        let layout = data.dataset.layout
        if let size = data.patchSize {
            require(layout.takesPatches, "data.patch_size", "null: volumes are cut to data.image_size already", size)
            require(size == data.imageSize, "data.patch_size", "null, or data.image_size (\(data.imageSize))", size)
        }
        within(layout.fewestClasses...256, "data.classes", data.classes)
        if let names = data.classNames {
            require(names.count == data.classes, "data.class_names", "one for each class (\(data.classes))", "\(names.count) names")
        }
        within(0...255, "data.ignored_label", data.ignoredLabel)
        for (key, jitter) in [("data.zoom_jitter", data.zoomJitter), ("data.color_jitter", data.colorJitter)] {
            let expected = layout.allowsJitter ? "0 to 1" : "0 (slices have their own augmentation)"
            require(jitter >= 0 && jitter <= (layout.allowsJitter ? 1 : 0), key, expected, jitter)
        }
        problems += data.augmentation.problems.map { $0.inside("data.augmentation") }
        require(data.maskThreshold > 0 && data.maskThreshold < 1, "data.mask_threshold", "above 0 and below 1", data.maskThreshold)
        if data.intensities == .raw {
            let maps: Bool
            switch data.window {
            case .fixed, .range: maps = true
            default: maps = false
            }
            require(data.dataset == .synapse, "data.intensities", "normalized (pictures are stretched between their own extremes)", "raw")
            require(maps, "data.window", "LOW,HIGH or minmax, to map the raw intensities", data.window?.description ?? "nothing")
        }
        within(0...7, "data.neighbors", data.neighbors)
        within(0...1023, "data.fold", data.fold)
        within(2...1024, "data.folds", data.folds)
        within(1...100_000_000, "data.pictures", data.pictures)
        require(data.pictures == nil || layout.keepsGroups, "data.pictures", "null with volumes", data.pictures ?? 0)
        if let folds = data.folds { require((data.fold ?? 0) < folds, "data.fold", "0 to \(folds - 1)", data.fold ?? 0) }
        for (key, text) in [("data.groups", data.groups), ("data.group_pattern", data.groupPattern)] {
            guard let text else { continue }
            require(!text.isEmpty, key, "a text, or null", "an empty text")
            require(layout.keepsGroups, key, "null: splits_final.json says which cases belong together", text)
        }
        require(data.groups == nil || data.groupPattern == nil, "data.group_pattern", "null beside data.groups", data.groupPattern ?? "")
        require(data.groupColumn == nil || data.groups != nil, "data.group_column", "null without data.groups", data.groupColumn ?? "")
        require(
            (1...16).contains(data.inputChannels), "data.channels", "1 to 16 channels of the network's input, neighbours included",
            data.inputChannels)
        if let normalization = data.normalization {
            require(
                normalization.count == data.channels?.count, "data.normalization",
                "one for each of the \(data.channels?.count ?? 0) channels",
                normalization.count)
        }
        if let modality = data.modality {
            require((1...80).contains(modality.count), "data.modality", "1 to 80 characters", "\(modality.count)")
        }
        let share = data.validationFraction
        require(share >= 0 && share < 1, "data.validation_fraction", "at least 0 and below 1", share)

        if case .vmunet(let sizes) = network {
            do { try sizes.validate() } catch {
                let key = "network." + error.what.replacing(" ", with: "_")
                problems.append(InvalidSetting(key, expected: error.expected, got: error.got))
            }
        }
        if let initialWeights { require(!initialWeights.isEmpty, "initial_weights", "a file's path, or null", "an empty text") }
        if let initialWeightsSet {
            require(!initialWeightsSet.isEmpty, "initial_weights_set", "model, average, a set's name, or null", "an empty text")
        }

        for name in freeze { require(!name.isEmpty && name.count <= 200, "freeze", "names of stages", "\(name.count) characters") }
        for (name, factor) in stageRates.sorted(by: { $0.key < $1.key }) {
            require(factor > 0 && factor <= 1e6, "stage_rates." + name, "a factor above 0; freeze keeps a stage as it is", factor)
        }
        for (term, key) in LossSettings.weights {
            let weight = loss[keyPath: key]
            require(weight >= 0 && weight.isFinite, "loss." + term, "a number of 0 or more", weight)
        }
        let hasTerm = LossSettings.weights.contains { loss[keyPath: $0.key] != 0 }
        require(hasTerm, "loss.dice", "more than 0 if every other term's weight is 0", loss.dice)
        require(loss.terms.focalGamma >= 0 && loss.terms.focalGamma <= 20, "loss.focal_gamma", "0 to 20", loss.terms.focalGamma)
        if let alpha = loss.terms.focalAlpha {
            require(alpha > 0 && alpha < 1, "loss.focal_alpha", "above 0 and below 1, or null", alpha)
            require(data.classes == 1, "loss.focal_alpha", "null with several classes, which loss.class_weights weighs", alpha)
        }
        for (key, weight) in [("loss.tversky_alpha", loss.terms.tverskyAlpha), ("loss.tversky_beta", loss.terms.tverskyBeta)] {
            require(weight > 0 && weight <= 100, key, "above 0, up to 100", weight)
        }
        within(0...1000, "loss.cldice_iterations", loss.terms.centerlineIterations)
        require((0...1).contains(loss.deepSupervision), "loss.deep_supervision", "0 to 1", loss.deepSupervision)
        require(
            loss.deepSupervision == 0 || vmunet != nil, "loss.deep_supervision", "0 for networks other than VM-UNet", loss.deepSupervision)
        if let weights = loss.classWeights {
            require(data.classes > 1, "loss.class_weights", "null with one class", weights)
            require(
                hasUsableClassWeights && weights.count == data.classes, "loss.class_weights",
                "\(data.classes) numbers of 0 or more, not all 0", weights)
        }

        problems += optimizer.problems.map { $0.inside("optimizer") }
        problems += schedule.problems.map { $0.inside("schedule") }

        within(1...1_000_000, "epochs", epochs)
        within(1...65536, "batch_size", batchSize)
        within(1...65536, "accumulate", accumulate)
        if let clipNorm { require(clipNorm > 0 && clipNorm.isFinite, "clip_norm", "a number above 0, or null", clipNorm) }
        if let emaDecay { require(emaDecay >= 0 && emaDecay < 1, "ema_decay", "at least 0 and below 1, or null", emaDecay) }
        within(1...1_000_000, "early_stopping", earlyStopping)
        within(0...1024, "workers", workers)
        require(threshold > 0 && threshold < 1, "threshold", "above 0 and below 1", threshold)
        within(1...1_000_000, "evaluate_every", evaluateEvery)
        return problems
    }
}

extension RunConfiguration {
    /// True if the class weights make sense, whatever the number of classes.
    var hasUsableClassWeights: Bool {
        guard let weights = loss.classWeights else { return true }
        return weights.allSatisfy { $0 >= 0 && $0.isFinite } && weights.contains { $0 > 0 }
    }
}

extension RunConfigurationError {
    /// The error of the file that gave the first faulty setting, found by the file's keys and
    /// lines; nil if the file gives none of them.
    public func fault(of file: String, lines: [String: Int]) -> ConfigurationFileError? {
        guard let problem = problems.first(where: { lines[$0.key] != nil }) else { return nil }
        return ConfigurationFileError(path: file, line: lines[problem.key], key: problem.key, expected: problem.expected, got: problem.got)
    }
}

/// A configuration with invalid settings; lists all of them.
public struct RunConfigurationError: UserError, Equatable {
    /// At least one, in the order of the file.
    public let problems: [InvalidSetting]

    package init(problems: [InvalidSetting]) { self.problems = problems }

    /// The faulty keys.
    public var subject: String { problems.map(\.key).joined(separator: ", ") }
    /// A line for each problem.
    public var problem: String { description }
    /// Empty: each problem names the valid values.
    public var remedy: String { "" }

    /// A line for each problem.
    public var description: String { problems.lines }
}
