import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Synapse's layout: training slices in `train_npz`, test volumes in `test_vol_h5`, named by lists.
/// Private sets may use it too.
struct Synapse: DatasetLayout {
    let name = "synapse"
    let largestIntensity: Float = 1
    let fewestClasses = 2
    let namesItsClasses = true
    let allowsJitter = false
    let takesPatches = true
    let evaluationSplit = "test_vol"

    func recognises(_ folder: URL) -> Bool {
        ["train_npz", "test_vol_h5"].contains { FolderListing.isFolder(folder.appending(path: $0)) }
    }

    var defaults: DatasetDefaults {
        var defaults = DatasetDefaults()
        (defaults.imageSize, defaults.classes, defaults.classNames) = (224, 9, SynapseLayout.synapseClassNames)
        defaults.annealingEpochs = 100
        return defaults
    }

    /// Slices of volumes, 0…1. The published classes were cut from CT with the published window.
    func origin(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        let isPublished = settings.classNames == SynapseLayout.synapseClassNames
        (metadata.input, metadata.inputChannels) = (.volumes, 1)
        metadata.valueRange = 0...Double(largestIntensity)
        metadata.modality = settings.modality ?? (isPublished ? "CT" : nil)
        metadata.window = settings.window ?? (isPublished ? .abdomen : nil)
        (metadata.voxelOrder, metadata.spacing) = (settings.voxelOrder, settings.spacing)
        return metadata
    }

    /// A line about the parts of the volumes' origin that are missing and needed to predict on
    /// other files.
    private func unknownOrigin(_ settings: DataSettings) -> [String] {
        let origin = origin(settings)
        var unknown: [String] = []
        if origin.window == nil { unknown.append("the window of intensities (data.window, --window LOW,HIGH)") }
        if origin.voxelOrder == nil { unknown.append("the voxel order (data.voxel_order, --voxel-order RAS)") }
        guard !unknown.isEmpty else { return [] }
        return ["the set does not say \(unknown.joined(separator: " and ")): the weights will not carry it to predict on other files"]
    }

    /// The lists `train`, `val` and `test_vol`, if they exist.
    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck {
        var check = DatasetCheck()
        let layout = SynapseLayout(directory: URL(filePath: settings.path))
        do {
            let settings = try resolvingClasses(settings, givenCount: givenClasses, givenNames: false)
            let lists = ["train", "val", "test_vol"].filter(layout.hasList)
            for list in lists.isEmpty ? ["train"] : lists {
                if let volumes = try volumes(settings, split: list, classNames: settings.classNames) {
                    check.add(volumes, part: list, folder: layout.directory.appending(path: "test_vol_h5"), settings)
                } else {
                    let slices = try slices(settings, list: list)
                    let (findings, faults) = slices.examination()
                    check.add(
                        findings, part: list, classes: slices.classes, isMapped: settings.readingWindow != nil,
                        path: layout.directory.appending(path: "train_npz").path)
                    for fault in faults { check.add(fault) }
                }
            }
            check.notes += unknownOrigin(settings)
            check.advise(settings)
        } catch {
            check.add(error as? DataError ?? DataError(.unreadable, path: settings.path, "\(error)", remedy: ""))
        }
        return check
    }

    func areNamesPublic(_ names: [String]) -> Bool { names.allSatisfy { $0.wholeMatch(of: /case[0-9]+(_slice[0-9]+)?/) != nil } }

    /// The number and names of the classes come from the set, see
    /// ``SynapseClasses/names(in:configured:ignoredLabel:)``. What the user gave is kept: the
    /// names, or the number, with names from the set's files or numbers. `dataset.json` also names
    /// the modality and the label of voxels that count nowhere.
    func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings {
        var settings = settings
        let directory = URL(filePath: settings.path)
        if let description = try? SynapseClasses.description(in: directory) {
            settings.modality = settings.modality ?? description.modality
            settings.ignoredLabel = settings.ignoredLabel ?? description.storedIgnoredLabel
        }
        if givenNames, let names = settings.classNames {
            if !givenCount { settings.classes = names.count }
            return settings
        }
        if givenCount, !SynapseClasses.areNamed(in: directory) {
            settings.classNames = SynapseClasses.named(settings.classes)
            return settings
        }
        let names = try SynapseClasses.names(in: directory, ignoredLabel: settings.ignoredLabel)
        guard !givenCount || names.count == settings.classes else {
            throw DataError(
                .labelOutOfRange, path: directory.path, "the set names \(names.count) classes, where \(settings.classes) were asked for",
                remedy: "Leave the number of classes out, or correct dataset.json or classes.txt.")
        }
        (settings.classes, settings.classNames) = (names.count, names)
        return settings
    }

    /// Validates on the list `val` if it exists, otherwise on patients held back by the seed; on
    /// none if the fraction is 0.
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData {
        let (training, validation, notes) = try divided(settings, seed: seed)
        return try TrainingData(training, validation: validation, notes: unknownOrigin(settings) + notes, settings, seed: seed)
    }

    private func divided(
        _ settings: DataSettings, seed: UInt64
    ) throws -> (training: SynapseDataset, validation: SynapseDataset?, notes: [String]) {
        let all = try slices(settings, list: "train")
        if let folds = settings.folds {
            let (fold, patients) = (settings.fold ?? 0, all.patients)
            let groups = try SampleGroups.of(patients, settings)
            try FoldDivision.require(fold, of: folds, groups: groups, path: settings.path)
            let places = FoldDivision.folds(of: groups, count: folds, seed: seed)
            let held = Set(zip(patients, places).filter { $1 == fold }.map(\.0))
            let (training, validation) = all.divided(holding: held)
            return (
                training: training, validation: validation,
                notes: [
                    "fold \(fold) of \(folds): \(held.count) of \(counted(patients.count, "case")) (\(counted(validation.count, "slice"))) validate"
                ]
            )
        }
        if SynapseLayout(directory: URL(filePath: settings.path)).hasList("val") {
            let validation = try slices(settings, list: "val")
            let shared = Set(all.patients).intersection(validation.patients).sorted()
            let warning = "slices of \(listed(shared, atMost: 3)) are in both lists, train and val: validation scores will flatter"
            return (training: all, validation: validation, notes: shared.isEmpty ? [] : [warning])
        }
        guard settings.validationFraction > 0 else {
            return (
                training: all, validation: nil,
                notes: [
                    "no validation: all \(all.patients.count) cases are trained on and the last epoch's weights are kept, as published"
                ]
            )
        }
        let groups = settings.hasGroups ? try SampleGroups.of(all.patients, settings) : nil
        let (training, validation) = try all.divided(validationFraction: settings.validationFraction, groups: groups, seed: seed)
        let note = """
            the set has no list 'val': \(validation.patients.count) of \(counted(all.patients.count, "case")) (\(counted(validation.count, "slice"))), drawn by the seed, held back \
            to validate, \(groups == nil ? "each taken for a patient of its own: where a patient has several, --groups or --group-pattern keeps them together" : "groups kept together"); \
            validation_fraction 0 trains on all, as published
            """
        return (training: training, validation: validation, notes: [note])
    }

    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset { try slices(settings, list: split) }

    /// The published protocol holds no slices back; then the training slices are shown.
    func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset {
        let sets = try trainingData(settings, seed: seed)
        return sets.validation ?? sets.training
    }

    func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)? {
        let directory = URL(filePath: settings.path)
        guard try SynapseVolumes.areListed(in: directory, list: split) else { return nil }
        var volumes = try SynapseVolumes(
            directory, list: split, classes: settings.classes, weightsClassNames: classNames, ignoredLabel: settings.ignoredByte)
        volumes.reading = ArrayReading(sliceAxis: settings.sliceAxis, window: settings.readingWindow)
        return volumes
    }

    func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)? {
        let directory = URL(filePath: settings.path)
        // A fold validates on training slices; the test volumes are no part of it.
        guard settings.folds == nil, SynapseLayout(directory: directory).hasList(evaluationSplit),
            try SynapseVolumes.areListed(in: directory, list: evaluationSplit)
        else { return nil }
        var volumes = try SynapseVolumes(directory, classNames: settings.synapseClassNames, ignoredLabel: settings.ignoredByte)
        volumes.reading = ArrayReading(sliceAxis: settings.sliceAxis, window: settings.readingWindow)
        return volumes
    }

    private func slices(_ settings: DataSettings, list: String) throws -> SynapseDataset {
        let size = PlaneSize(height: settings.imageSize, width: settings.imageSize)
        var options = SynapseDataset.Options(
            size: size, ignoredLabel: settings.ignoredLabel.map { UInt8(clamping: $0) }, window: settings.readingWindow)
        options.takesPatches = settings.patchSize != nil
        if !settings.augment { options.augmentation = .none }
        return try SynapseDataset(
            URL(filePath: settings.path), list: list, classNames: settings.synapseClassNames, options: options)
    }
}

extension Dataset {
    /// Synapse, and sets in its layout.
    public static let synapse = Dataset(Synapse())
}

extension DataSettings {
    /// One name for each class, background first.
    fileprivate var synapseClassNames: [String] {
        if let classNames, classNames.count == classes { return classNames }
        return SynapseClasses.named(max(classes, 2))
    }

    fileprivate var ignoredByte: UInt8? { ignoredLabel.flatMap(UInt8.init(exactly:)) }
}
