import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Volumes with labels as they lie in research: nnU-Net's and the Decathlon's folders with their
/// `dataset.json`, or folders of images and labels alone.
struct NNUNet: DatasetLayout {
    let name = "nnunet"
    let largestIntensity: Float = 1
    let fewestClasses = 2
    let namesItsClasses = true
    let mapsIntensities = true
    /// `splits_final.json` says which cases belong together.
    let keepsGroups = false

    func recognises(_ folder: URL) -> Bool { VolumeCases.place(of: "train", in: folder) != nil }

    var defaults: DatasetDefaults {
        var defaults = DatasetDefaults()
        (defaults.classes, defaults.zoomJitter, defaults.colorJitter) = (2, 0.25, 0.1)
        return defaults
    }

    /// The plan, in the words of weights.
    func origin(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        (metadata.input, metadata.modality, metadata.valueRange) = (.volumes, settings.modality, 0...Double(largestIntensity))
        (metadata.voxelOrder, metadata.spacing, metadata.sliceFit) = (settings.voxelOrder, settings.spacing, .spacing)
        (metadata.channels, metadata.neighbors, metadata.inputChannels) = (settings.channels, settings.neighbors, settings.inputChannels)
        metadata.window = settings.window
        if settings.window == nil {
            // Every reader of weights understands a single window.
            if case .window(let window)? = settings.normalization?.first, settings.normalization?.count == 1 {
                metadata.window = window
            } else {
                metadata.normalization = settings.normalization
            }
        }
        return metadata
    }

    /// The set's `dataset.json`; without one, classes by the settings or by the labels found.
    static func description(_ settings: DataSettings) throws(DataError) -> VolumeSetDescription {
        let directory = URL(filePath: settings.path)
        if let description = try VolumeSetDescription(in: directory) { return description }
        if let names = settings.classNames, names.count == settings.classes {
            return VolumeSetDescription(classNames: names, labels: names.indices.map { UInt8(clamping: $0) })
        }
        let anything = VolumeSetDescription(classNames: [], labels: (0...255).map { UInt8($0) })
        let cases = try VolumeCases(directory, part: "train", description: anything).cases
        let found = Parallel.map(cases) { one in Result { () throws(DataError) in try CaseReader(description: anything).read(one).found } }
        var labels: Set<UInt8> = [0]
        var faults: [DataError] = []
        for result in found {
            switch result {
            case .success(let some): labels.formUnion(some)
            case .failure(let fault): faults.append(fault)
            }
        }
        let largest = Int(labels.max() ?? 0)
        // Without labels, the cases that cannot be read are the reason. Otherwise they are reported when
        // the plan is made.
        if largest == 0, let error = DataError.joined(faults, path: directory.path) { throw error }
        guard largest > 0, 2 * labels.count > largest else {
            throw DataError(
                .labelOutOfRange, path: directory.path,
                largest == 0
                    ? "every label is background" : "its labels hold \(largest), though there are only \(labels.count) different ones",
                remedy: "Number the labels 0, 1, 2 and so on, or declare them in dataset.json.")
        }
        let names = ["background"] + (1...largest).map { "class \($0)" }
        return VolumeSetDescription(classNames: names, labels: (0...largest).map { UInt8($0) })
    }

    func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings {
        var settings = settings
        if !givenNames { settings.classNames = nil }
        let description = try Self.description(settings)
        guard !givenCount || description.classNames.count == settings.classes else {
            throw DataError(
                .labelOutOfRange, path: settings.path,
                "the set has \(description.classNames.count) classes, where \(settings.classes) were asked for",
                remedy: "Leave the number of classes out, or correct dataset.json.")
        }
        let names = givenNames ? settings.classNames : nil
        if let names, names.count != description.classNames.count {
            throw DataError(
                .labelOutOfRange, path: settings.path,
                "the set has \(description.classNames.count) classes, and \(names.count) names are given",
                remedy: "Name each class, background first.")
        }
        (settings.classes, settings.classNames) = (description.classNames.count, names ?? description.classNames)
        settings.ignoredLabel = description.ignoredLabel.map(Int.init) ?? settings.ignoredLabel
        return settings
    }

    func planned(_ settings: DataSettings, givenSize: Bool) throws(DataError) -> DataSettings {
        try VolumePlanner.plan(settings, givenSize: givenSize)
    }

    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData {
        let settings = try settings.channels == nil ? planned(settings, givenSize: true) : settings
        let description = try Self.description(settings)
        let directory = URL(filePath: settings.path)
        let all = try VolumeCases.whole(directory, part: "train", description: description)
        var (training, validation) = (all.cases, [VolumeCase]())
        if settings.folds == nil, VolumeCases.place(of: "val", in: directory) != nil {
            validation = try VolumeCases.whole(directory, part: "val", description: description).cases
        } else {
            (training, validation) = try all.divided(fold: settings.fold ?? 0, fraction: settings.heldBackFraction)
        }
        guard !training.isEmpty else {
            throw DataError(.noPairs, path: directory.path, "leaves no case to train on", remedy: "Choose another fold.")
        }
        let part = "\(counted(training.count, "case")) to train on, \(validation.count) held back"
        let slices = try CaseSlices(training, settings, description: description, repeats: true)
        let held = validation.isEmpty ? nil : try CaseSlices(validation, settings, description: description, repeats: false)
        var notes = slices.notes
        if let held { notes.add(held.notes) }
        return TrainingData(
            training: slices, validation: held,
            notes: [part + ", fold \(settings.fold ?? 0)", Self.planText(settings)] + notes.lines(atMost: CaseNotes.mostTold))
    }

    private static func planText(_ settings: DataSettings) -> String {
        let origin = settings.dataset.layout.origin(settings)
        return "the plan: " + (origin.summary ?? "volumes") + ", \(settings.imageSize)×\(settings.imageSize)"
    }

    /// The parts of a set by their names: `train`, `val` (the folder, or fold 0), `foldN`, `test`.
    private func cases(_ settings: DataSettings, _ description: VolumeSetDescription, split: String) throws(DataError) -> [VolumeCase] {
        let directory = URL(filePath: settings.path)
        if split == "test" || (split == "val" && settings.folds == nil && VolumeCases.place(of: "val", in: directory) != nil) {
            return try VolumeCases.whole(directory, part: split, description: description).cases
        }
        let all = try VolumeCases.whole(directory, part: "train", description: description)
        switch split {
        case "all": return all.cases
        case "train", "val":
            let parts = try all.divided(fold: settings.fold ?? 0, fraction: settings.heldBackFraction)
            return split == "train" ? parts.training : parts.validation
        default:
            guard split.hasPrefix("fold"), let fold = Int(split.dropFirst(4)), fold >= 0 else {
                throw DataError(
                    .missingFolder, path: directory.path, "has no part '\(split.prefix(40))'",
                    remedy: "Name train, val, test, all, or fold0 and on.")
            }
            return try all.divided(fold: fold, fraction: settings.heldBackFraction).validation
        }
    }

    func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)? {
        var settings = settings
        if let classNames { (settings.classNames, settings.classes) = (classNames, classNames.count) }
        let description = try Self.description(settings)
        guard description.classNames.count == max(settings.classes, 2) else {
            throw DataError(
                .labelOutOfRange, path: settings.path,
                "the set has \(description.classNames.count) classes, the weights \(settings.classes)",
                remedy: "Evaluate weights that were trained on this set's classes.")
        }
        return CaseVolumes(cases: try cases(settings, description, split: split), description: description)
    }

    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset {
        let settings = try settings.channels == nil ? planned(settings, givenSize: true) : settings
        let description = try Self.description(settings)
        return try CaseSlices(cases(settings, description, split: split), settings, description: description, repeats: false)
    }

    /// The held-back cases, or all if none are.
    func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)? {
        let volumes = try volumes(settings, split: "val", classNames: settings.classNames)
        return volumes.flatMap { $0.count > 0 ? $0 : nil }
    }

    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck {
        var check = DatasetCheck()
        do throws(DataError) {
            let description = try Self.description(settings)
            let directory = URL(filePath: settings.path)
            for part in ["train", "val", "test"] where part == "train" || VolumeCases.place(of: part, in: directory) != nil {
                let cases = try VolumeCases(directory, part: part, description: description)
                if let unpaired = cases.unpaired { check.add(unpaired) }
                if part == "train" { for problem in cases.foldProblems() { check.add(problem) } }
                check.add(
                    CaseVolumes(cases: cases.cases, description: description), part: part,
                    folder: VolumeCases.place(of: part, in: directory)?.labels ?? directory, settings)
            }
            guard check.problems.isEmpty else { return check }
            var plan = settings
            (plan.classes, plan.classNames) = (description.classNames.count, description.classNames)
            plan = try planned(plan, givenSize: false)
            check.notes.append(Self.planText(plan))
            check.advise(plan)
        } catch {
            check.add(error)
        }
        return check
    }
}

extension Dataset {
    /// Volumes in nnU-Net's and the Decathlon's layouts.
    public static let nnunet = Dataset(NNUNet())
}
