import Segmentation
import VMUNet
import Yams

extension Dataset: ConfigurationChoice {}
extension Compute.Precision: ConfigurationChoice {}
extension VMUNetConfiguration.Preset: ConfigurationChoice {}
extension Compute.Device: ConfigurationChoice {}
extension DataSettings.Intensities: ConfigurationChoice {}

extension IntensityWindow: ConfigurationValue {
    static let expectation = "LOW,HIGH (such as \"-125,275\"), minmax, percentiles or none"
    init?(_ node: Node) {
        guard let text = String(node) else { return nil }
        self.init(text)
    }
    var node: Node { description.node }
}

extension Normalization: ConfigurationValue {
    static let expectation = "zscore, " + IntensityWindow.expectation
    init?(_ node: Node) {
        guard let text = String(node) else { return nil }
        self.init(text)
    }
    var node: Node { description.node }
}

extension VoxelOrder: ConfigurationValue {
    static let expectation = "three letters such as RAS or LPS"
    init?(_ node: Node) {
        guard let text = String(node) else { return nil }
        self.init(text)
    }
    var node: Node { description.node }
}

extension VoxelSpacing: ConfigurationValue {
    static let expectation = "three millimetres above 0: slices, rows, columns"
    init?(_ node: Node) {
        guard let numbers = [Double](node), numbers.count == 3, numbers.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(depth: numbers[0], height: numbers[1], width: numbers[2])
    }
    var node: Node { [depth, height, width].node }
}
extension OptimizerConfiguration.Name: ConfigurationChoice {}
extension Schedule.Plateau.ThresholdMode: ConfigurationChoice {}

extension RunConfiguration: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        try fields.section("data", &data)
        var section = NetworkSection(choice: network)
        try fields.section("network", &section)
        network = section.choice
        try fields.value("initial_weights", &initialWeights)
        try fields.value("initial_weights_set", &initialWeightsSet)
        try fields.value("freeze", &freeze)
        var rates = RateSection(rates: stageRates)
        try fields.section("stage_rates", &rates)
        stageRates = rates.rates
        try fields.section("loss", &loss)
        try fields.section("optimizer", &optimizer)
        try fields.section("schedule", &schedule)
        try fields.value("epochs", &epochs)
        try fields.value("batch_size", &batchSize)
        try fields.value("accumulate", &accumulate)
        try fields.value("clip_norm", &clipNorm)
        try fields.value("ema_decay", &emaDecay)
        try fields.value("early_stopping", &earlyStopping)
        try fields.value("seed", &seed)
        try fields.value("precision", &precision)
        try fields.value("device", &device)
        try fields.value("workers", &workers)
        try fields.value("threshold", &threshold)
        try fields.value("evaluate_every", &evaluateEvery)
    }

    /// Every key that a configuration can have, with any optimiser and schedule.
    static let allKeys: [String] = {
        var keys: [String] = []
        for (i, name) in OptimizerConfiguration.Name.allCases.enumerated() {
            var configuration = RunConfiguration()
            configuration.optimizer = OptimizerConfiguration(name)
            configuration.schedule = Schedule.all[i % Schedule.all.count]
            var writer = ConfigurationWriter()
            // A writer rejects nothing.
            try? configuration.visit(&writer)
            keys += writer.keys.filter { !keys.contains($0) }
        }
        return keys
    }()
}

extension DataSettings: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        try fields.value("path", &path)
        try fields.value("dataset", &dataset)
        try fields.value("image_size", &imageSize)
        try fields.value("patch_size", &patchSize)
        if let patchSize { imageSize = patchSize }
        try fields.value("classes", &classes)
        // The data set's own names do not fit another number of classes.
        if let names = classNames, names.count != classes { classNames = nil }
        try fields.value("class_names", &classNames)
        try fields.value("augment", &augment)
        try fields.value("zoom_jitter", &zoomJitter)
        try fields.value("color_jitter", &colorJitter)
        try fields.section("augmentation", &augmentation)
        try fields.value("balance", &balance)
        try fields.value("pictures", &pictures)
        try fields.value("ignored_label", &ignoredLabel)
        try fields.value("mask_threshold", &maskThreshold)
        try fields.value("validation_fraction", &validationFraction)
        try fields.value("intensities", &intensities)
        try fields.value("window", &window)
        try fields.value("voxel_order", &voxelOrder)
        try fields.value("spacing", &spacing)
        try fields.value("slice_axis", &sliceAxis)
        try fields.value("channels", &channels)
        try fields.value("normalization", &normalization)
        try fields.value("neighbors", &neighbors)
        try fields.value("fold", &fold)
        try fields.value("folds", &folds)
        try fields.value("groups", &groups)
        try fields.value("group_column", &groupColumn)
        try fields.value("group_pattern", &groupPattern)
        try fields.value("modality", &modality)
    }
}

extension AugmentationSettings: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        try fields.value("probability", &probability)
        try fields.value("brightness", &brightness)
        try fields.value("contrast", &contrast)
        try fields.value("gamma", &gamma)
        try fields.value("noise", &noise)
        try fields.value("blur", &blur)
        try fields.value("elastic", &elastic)
        try fields.value("elastic_sigma", &elasticSigma)
    }
}

extension RunConfiguration.LossSettings: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        try fields.value("cross_entropy", &crossEntropy)
        try fields.value("dice", &dice)
        try fields.value("class_weights", &classWeights)
        try fields.value("focal", &terms.focal)
        try fields.value("focal_gamma", &terms.focalGamma)
        try fields.value("focal_alpha", &terms.focalAlpha)
        try fields.value("tversky", &terms.tversky)
        try fields.value("tversky_alpha", &terms.tverskyAlpha)
        try fields.value("tversky_beta", &terms.tverskyBeta)
        try fields.value("boundary", &terms.boundary)
        try fields.value("cldice", &terms.centerlineDice)
        try fields.value("cldice_iterations", &terms.centerlineIterations)
        try fields.value("deep_supervision", &deepSupervision)
    }
}

/// Factors of the learning rate under the names of stages.
private struct RateSection: ConfigurationSection {
    var rates: [String: Double]

    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        var options = rates.mapValues(OptionValue.number)
        try fields.options(&options)
        rates = [:]
        for (name, value) in options {
            switch value {
            case .number(let factor): rates[name] = factor
            case .integer(let factor): rates[name] = Double(factor)
            default: try fields.refuse(name, expected: "a number: the factor of the learning rate", got: value.node.shown)
            }
        }
    }
}

/// The kind of network, then VM-UNet's sizes by preset name or one by one, or another kind's
/// options.
private struct NetworkSection: ConfigurationSection {
    var choice: NetworkChoice

    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        var name = choice.name
        try fields.value("name", &name)
        if name != choice.name { choice = NetworkChoice(named: name) }
        switch choice {
        case .vmunet(var sizes):
            try Self.visit(&sizes, &fields)
            choice = .vmunet(sizes)
        case .other(var settings):
            try fields.options(&settings.options)
            choice = .other(settings)
        }
    }

    private static func visit(
        _ sizes: inout VMUNetConfiguration, _ fields: inout some ConfigurationFields
    ) throws(ConfigurationFileError) {
        var preset = sizes.preset
        let before = preset
        try fields.value("preset", &preset)
        if let preset, preset != before {
            let chosen = preset.sizes
            (sizes.dims, sizes.depths, sizes.decoderDepths, sizes.stateSize) = (
                chosen.dims, chosen.depths, chosen.decoderDepths, chosen.stateSize
            )
        }
        let dims = sizes.dims
        try fields.value("dims", &sizes.dims)
        // Reject a new preset beside old `dims`: it would be the old network under a new name.
        if let preset, preset != before, sizes.dims != dims {
            try fields.refuse("dims", expected: "no channels beside the preset \(preset), or its own \(dims)", got: "\(sizes.dims)")
        }
        try fields.value("depths", &sizes.depths)
        try fields.value("decoder_depths", &sizes.decoderDepths)
        try fields.value("state_size", &sizes.stateSize)
        try fields.value("drop_path", &sizes.dropPath)
    }
}

extension OptimizerConfiguration: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        var name = name
        try fields.value("name", &name)
        if name != self.name { self = OptimizerConfiguration(name) }
        for option in options {
            let key = option.rawValue
            switch option {
            case .learningRate: try fields.value(key, &learningRate)
            case .weightDecay: try fields.value(key, &weightDecay)
            case .betas: try fields.value(key, &betas)
            case .epsilon: try fields.value(key, &epsilon)
            case .amsgrad: try fields.value(key, &amsgrad)
            case .momentum: try fields.value(key, &momentum)
            case .dampening: try fields.value(key, &dampening)
            case .nesterov: try fields.value(key, &nesterov)
            case .rho: try fields.value(key, &rho)
            case .alpha: try fields.value(key, &alpha)
            case .centered: try fields.value(key, &centered)
            case .learningRateDecay: try fields.value(key, &learningRateDecay)
            case .lambda: try fields.value(key, &lambda)
            case .t0: try fields.value(key, &t0)
            case .initialAccumulator: try fields.value(key, &initialAccumulator)
            case .etas: try fields.value(key, &etas)
            case .stepSizes: try fields.value(key, &stepSizes)
            }
        }
    }
}

extension Schedule: ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError) {
        var name = name
        try fields.value("name", &name)
        if name != self.name {
            guard let other = Schedule(name: name) else {
                let names = Schedule.all.map(\.name)
                let hint = EditDistance.nearest(to: name, among: names).map { " (did you mean \($0)?)" } ?? ""
                return try fields.refuse("name", expected: "one of " + names.joined(separator: ", "), got: name + hint)
            }
            self = other
        }
        switch self {
        case .constant:
            break
        case .step(var stepSize, var gamma):
            try fields.value("step_size", &stepSize)
            try fields.value("gamma", &gamma)
            self = .step(stepSize: stepSize, gamma: gamma)
        case .multiStep(var milestones, var gamma):
            try fields.value("milestones", &milestones)
            try fields.value("gamma", &gamma)
            self = .multiStep(milestones: milestones, gamma: gamma)
        case .exponential(var gamma):
            try fields.value("gamma", &gamma)
            self = .exponential(gamma: gamma)
        case .cosineAnnealing(var tMax, var etaMin):
            try fields.value("t_max", &tMax)
            try fields.value("eta_min", &etaMin)
            self = .cosineAnnealing(tMax: tMax, etaMin: etaMin)
        case .reduceOnPlateau(var plateau):
            try fields.value("factor", &plateau.factor)
            try fields.value("patience", &plateau.patience)
            try fields.value("threshold", &plateau.threshold)
            try fields.value("threshold_mode", &plateau.thresholdMode)
            try fields.value("cooldown", &plateau.cooldown)
            try fields.value("minimum", &plateau.minimum)
            try fields.value("epsilon", &plateau.epsilon)
            self = .reduceOnPlateau(plateau)
        case .cosineAnnealingWarmRestarts(var t0, var tMult, var etaMin):
            try fields.value("t_0", &t0)
            try fields.value("t_mult", &tMult)
            try fields.value("eta_min", &etaMin)
            self = .cosineAnnealingWarmRestarts(t0: t0, tMult: tMult, etaMin: etaMin)
        case .warmUpMultiStep(var warmUp, var milestones, var gamma):
            try fields.value("warm_up", &warmUp)
            try fields.value("milestones", &milestones)
            try fields.value("gamma", &gamma)
            self = .warmUpMultiStep(warmUp: warmUp, milestones: milestones, gamma: gamma)
        case .warmUpCosine(var warmUp, var epochs):
            try fields.value("warm_up", &warmUp)
            try fields.value("epochs", &epochs)
            self = .warmUpCosine(warmUp: warmUp, epochs: epochs)
        }
    }
}
