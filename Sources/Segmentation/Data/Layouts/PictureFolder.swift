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
        ["train/images", "images"].contains { FolderListing.isFolder(folder.appending(path: $0)) }
    }
}

extension Dataset {
    /// Any pictures and masks.
    public static let folder = Dataset(PictureFolder())
}

/// A layout of pictures and masks that ``PairedFolder`` reads.
protocol PicturesWithMasks: DatasetLayout {}

extension PicturesWithMasks {
    /// Like ISIC's sets: pictures from a dermatoscope, unless the settings say otherwise.
    func dermoscopy(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        (metadata.input, metadata.modality, metadata.inputChannels) = (.pictures, settings.modality ?? "dermoscopy", 3)
        if settings.classes == 1 { metadata.classNames = ["background", "lesion"] }
        metadata.valueRange = 0...Double(largestIntensity)
        return metadata
    }

    /// Validates on the folder `val` if it exists, otherwise on pairs of `train` (or of
    /// `DIR/{images,masks}`) held back by the seed; on none if the fraction is 0.
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData {
        let (directory, options) = (URL(filePath: settings.path), PairedFolder.Options(settings))
        func has(_ folder: String) -> Bool { FolderListing.isFolder(directory.appending(path: folder)) }
        let isFlat = !has("train") && has("images")
        let all = try PairedFolder(directory, split: isFlat ? nil : "train", options: options)
        if !isFlat, has("val") {
            return TrainingData(training: all, validation: try PairedFolder(directory, split: "val", options: options))
        }
        guard settings.validationFraction > 0 else {
            return TrainingData(
                training: all, validation: nil,
                notes: ["no validation: all \(all.count) pictures are trained on and the last epoch's weights are kept"])
        }
        let (training, validation) = try all.divided(validationFraction: settings.validationFraction, seed: seed)
        let note =
            "the set has no folder 'val': \(validation.count) of \(all.count) pictures, drawn by the seed, are held back to validate; "
            + "where a patient has several pictures, make that folder yourself; validation_fraction 0 trains on all"
        return TrainingData(training: training, validation: validation, notes: [note])
    }

    /// The folder `val`, or the pairs held back instead.
    func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset {
        let sets = try trainingData(settings, seed: seed)
        return sets.validation ?? sets.training
    }

    /// Every existing part: `train`, `val`, `test`, or the flat folder.
    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck {
        var check = DatasetCheck()
        let (directory, options) = (URL(filePath: settings.path), PairedFolder.Options(settings))
        let splits: [String?] = ["train", "val", "test"].filter { FolderListing.isFolder(directory.appending(path: $0)) }
        let isFlat = FolderListing.isFolder(directory.appending(path: "images"))
        for split in splits.isEmpty ? [isFlat ? nil : "train"] : splits {
            do throws(DataError) {
                try PairedFolder(directory, split: split, options: options).check(split ?? "pictures", in: &check)
            } catch { check.add(error) }
        }
        let trains = isFlat || FolderListing.isFolder(directory.appending(path: "train/images"))
        if trains, !splits.contains("val") {
            check.notes.append(
                "there is no folder 'val': training holds \(fixedPoint(settings.validationFraction * 100, digits: 0)) % of the pictures back"
            )
        }
        return check
    }

    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset {
        try PairedFolder.evaluation(URL(filePath: settings.path), split: split, options: PairedFolder.Options(settings))
    }
}

extension PairedFolder.Options {
    /// The reading options in a run's settings.
    init(_ settings: DataSettings) {
        self.init(size: settings.imageSize, classes: settings.classes)
        masks.ignoredLabel = settings.ignoredLabel.flatMap(UInt8.init(exactly:))
        masks.threshold = settings.maskThreshold
        (augmentation.zoomJitter, augmentation.colorJitter) = (settings.zoomJitter, settings.colorJitter)
    }
}
