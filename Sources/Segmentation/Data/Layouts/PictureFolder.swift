import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Any pictures and masks, in `DIR/{train,val}/{images,masks}`.
struct PictureFolder: PicturesWithMasks {
    let name = "folder"

    func recognises(_ folder: URL) -> Bool {
        ["train/images", "val/images", "test/images", "images"].contains { FolderListing.isFolder(folder.appending(path: $0)) }
    }
}

extension Dataset {
    /// Any pictures and masks.
    public static let folder = Dataset(PictureFolder())
}

/// A layout of pictures and masks: it finds them, ``PairedFolder`` reads them.
protocol PicturesWithMasks: DatasetLayout {
    /// The kind of pictures, unless the settings name one.
    var modality: String? { get }
    /// The foreground's name, if there is one class.
    var foreground: String? { get }
    /// The set's parts, such as `train` and `val`; none if it is one whole.
    func parts(of directory: URL) -> [String]
    /// A part of the set; nil is the whole of a set without parts. Throws ``DataError``.
    func part(_ name: String?, of directory: URL, _ options: PairedFolder.Options) throws(DataError) -> PairedFolder
}

extension PicturesWithMasks {
    var modality: String? { nil }
    var foreground: String? { nil }
    var takesPatches: Bool { true }

    func origin(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        (metadata.input, metadata.modality, metadata.inputChannels) = (.pictures, settings.modality ?? modality, 3)
        if settings.classes == 1, let foreground { metadata.classNames = ["background", foreground] }
        metadata.valueRange = 0...Double(largestIntensity)
        return metadata
    }

    /// Validates on a fold of `train` if there are folds, on the part `val` if it exists, otherwise
    /// on pairs held back by the seed; on none if the fraction is 0.
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData {
        let (training, validation, notes) = try divided(settings, seed: seed)
        return try TrainingData(training, validation: validation, notes: notes, settings, seed: seed)
    }

    func pictureAdvice(_ settings: DataSettings, seed: UInt64, keepsInput: Bool) throws -> PictureAdvice? {
        let sets = try divided(settings, seed: seed)
        return try sets.training.advice(validation: sets.validation, keepsInput: keepsInput)
    }

    private func divided(
        _ settings: DataSettings, seed: UInt64
    ) throws -> (training: PairedFolder, validation: PairedFolder?, notes: [String]) {
        let (directory, options) = (URL(filePath: settings.path), PairedFolder.Options(settings))
        let parts = parts(of: directory)
        let all = try part(parts.isEmpty ? nil : "train", of: directory, options)
        if let folds = settings.folds {
            let (fold, groups) = (settings.fold ?? 0, try SampleGroups.of(all.pairs.map(\.name), settings))
            let (training, validation) = try all.divided(into: folds, holding: fold, groups: groups, seed: seed)
            let kept = Set(groups).count < all.count ? ", \(counted(Set(groups).count, "group")) kept together" : ""
            return (
                training: training, validation: validation,
                notes: ["fold \(fold) of \(folds): \(validation.count) of \(counted(all.count, "picture")) validate\(kept)"]
            )
        }
        if parts.contains("val") {
            let validation = try part("val", of: directory, options)
            return (
                all, validation,
                try Self.leaks(all.pairs.map(\.name), validation.pairs.map(\.name), settings)
            )
        }
        guard settings.validationFraction > 0 else {
            return (
                training: all, validation: nil,
                notes: ["no validation: all \(all.count) pictures are trained on and the last epoch's weights are kept"]
            )
        }
        let groups = settings.hasGroups ? try SampleGroups.of(all.pairs.map(\.name), settings) : nil
        let (training, validation) = try all.divided(validationFraction: settings.validationFraction, groups: groups, seed: seed)
        let note =
            "the set has no part 'val': \(validation.count) of \(counted(all.count, "picture")), drawn by the seed, held back to validate; "
            + (groups.map { "\(counted(Set($0).count, "group")) kept together; " }
                ?? "where a patient has several pictures, --groups or --group-pattern keeps them together; ")
            + "validation_fraction 0 trains on all"
        return (training: training, validation: validation, notes: [note])
    }

    /// A line about groups that are in both parts, if groups are given.
    private static func leaks(_ training: [String], _ validation: [String], _ settings: DataSettings) throws -> [String] {
        guard settings.hasGroups else { return [] }
        let groups = try SampleGroups.of(training + validation, settings)
        let shared = Set(groups.prefix(training.count)).intersection(groups.dropFirst(training.count))
        guard !shared.isEmpty else { return [] }
        let number = counted(shared.count, "group has", "groups have")
        return ["\(number) pictures in both parts, train and val: validation scores will flatter"]
    }

    /// The folder `val`, or the pairs held back instead.
    func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset {
        let sets = try trainingData(settings, seed: seed)
        return sets.validation ?? sets.training
    }

    /// Every part, or the whole.
    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck {
        var check = DatasetCheck()
        let (directory, options) = (URL(filePath: settings.path), PairedFolder.Options(settings))
        let parts = parts(of: directory)
        var (pictures, samples) = ([(part: String, name: String, print: PictureFingerprint)](), [(name: String, samples: [String])]())
        for name in parts.isEmpty ? [nil] : parts.map(Optional.some) {
            let title = name ?? "pictures"
            do throws(DataError) {
                let set = try part(name, of: directory, options)
                pictures += set.check(title, in: &check).map { (title, $0.name, $0.print) }
                samples.append((title, set.pairs.map(\.name)))
            } catch { check.add(error) }
        }
        check.addDoubles(pictures)
        do throws(DataError) { try check.addLeaks(samples, settings) } catch { check.add(error) }
        if !parts.contains("val"), check.parts.contains(where: { DatasetCheck.trainingParts.contains($0.name) }) {
            let share = fixedPoint(settings.validationFraction * 100, digits: 0)
            check.notes.append("the set has no part 'val': training holds \(share) % of the pictures back")
        }
        check.advise(settings)
        return check
    }

    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset {
        let directory = URL(filePath: settings.path)
        return try part(split, of: directory, PairedFolder.Options(settings))
    }

    // MARK: Folders of images and masks

    /// The existing ones of `train`, `val` and `test`; none for `DIR/{images,masks}`.
    func parts(of directory: URL) -> [String] {
        func has(_ folder: String) -> Bool { FolderListing.isFolder(directory.appending(path: folder)) }
        if !has("train"), has("images") { return [] }
        let found = ["train", "val", "test"].filter(has)
        return found.isEmpty ? ["train"] : found
    }

    /// `DIR/PART/{images,masks}` or, without a folder `PART`, `DIR/{images,masks}`.
    func part(_ name: String?, of directory: URL, _ options: PairedFolder.Options) throws(DataError) -> PairedFolder {
        guard let name else { return try PairedFolder(directory, split: nil, options: options) }
        return try PairedFolder.evaluation(directory, split: name, options: options)
    }
}

extension PairedFolder.Options {
    /// The reading options in a run's settings.
    init(_ settings: DataSettings) {
        self.init(size: settings.imageSize, classes: settings.classes)
        masks.ignoredLabel = settings.ignoredLabel.flatMap(UInt8.init(exactly:))
        masks.threshold = settings.maskThreshold
        takesPatches = settings.patchSize != nil
        (augmentation.zoomJitter, augmentation.colorJitter) = (settings.zoomJitter, settings.colorJitter)
        if !settings.augment { augmentation = .none }
    }
}
