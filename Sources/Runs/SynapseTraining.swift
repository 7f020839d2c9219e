import Foundation

extension TrainingData {
    /// Training slices in Synapse's layout. Validation is the list `val` where there is one, else patients held back by the seed; none where the fraction is 0.
    init(synapse configuration: RunConfiguration, in directory: URL) throws {
        let settings = configuration.data
        func slices(_ list: String) throws -> SynapseDataset {
            try SynapseDataset(directory, list: list, classNames: settings.synapseClassNames, options: settings.sliceOptions)
        }
        let all = try slices("train")
        if SynapseLayout(directory: directory).hasList("val") {
            let validation = try slices("val")
            let shared = Set(all.patients).intersection(validation.patients).sorted()
            let warning = shared.prefix(3).joined(separator: ", ") + (shared.count > 3 ? " and \(shared.count - 3) more" : "")
            self.init(
                training: all, validation: validation,
                notes: shared.isEmpty ? [] : ["slices of \(warning) are in both lists, train and val: validation scores will flatter"])
            return
        }
        guard settings.validationFraction > 0 else {
            try configuration.requireNoValidation()
            self.init(
                training: all, validation: nil,
                notes: [
                    "no validation: all \(all.patients.count) cases are trained on and the last epoch's weights are kept, as published"
                ])
            return
        }
        let (training, validation) = try all.divided(validationFraction: settings.validationFraction, seed: configuration.seed)
        let note = """
            the set has no list 'val': \(validation.patients.count) of \(all.patients.count) cases (\(validation.count) slices), drawn by the seed, are held back to \
            validate, each taken for a patient of its own: where a patient has several, lists/lists_Synapse/val.txt says which; validation_fraction 0 trains on all, \
            as published
            """
        self.init(training: training, validation: validation, notes: [note])
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

    /// Takes the number and the names of the classes from a set in Synapse's layout, as ``SynapseClasses/names(in:configured:ignoredLabel:)`` finds them.
    ///
    /// What the user gave stays: the names, or the number, which then are called as the set's own files say or by their numbers. Other layouts are left alone.
    /// Throws ``DataError`` where the set names other classes than were given.
    /// - Parameters:
    ///   - givenCount: whether the number of classes is the user's and not a preset's.
    ///   - givenNames: the same for their names.
    public mutating func takeClassesFromSet(givenCount: Bool = false, givenNames: Bool = false) throws(DataError) {
        guard data.dataset == .synapse else {
            if data.classNames?.count != data.classes { data.classNames = nil }
            return
        }
        let directory = URL(filePath: data.path)
        if givenNames, let names = data.classNames {
            if !givenCount { data.classes = names.count }
            return
        }
        if givenCount, !SynapseClasses.areNamed(in: directory) {
            data.classNames = SynapseClasses.named(data.classes)
            return
        }
        let names = try SynapseClasses.names(in: directory, ignoredLabel: data.ignoredLabel)
        guard !givenCount || names.count == data.classes else {
            throw DataError(
                .labelOutOfRange, path: directory.path, "the set names \(names.count) classes, where \(data.classes) were asked for",
                remedy: "Leave the number of classes out, or correct dataset.json or classes.txt.")
        }
        (data.classes, data.classNames) = (names.count, names)
    }
}

extension RunConfiguration.DataSettings {
    /// One name for each class, background first.
    var synapseClassNames: [String] {
        if let classNames, classNames.count == classes { return classNames }
        return SynapseClasses.named(max(classes, 2))
    }

    var sliceOptions: SynapseDataset.Options {
        SynapseDataset.Options(size: PlaneSize(height: imageSize, width: imageSize), ignoredLabel: ignoredLabel.map { UInt8(clamping: $0) })
    }
}
