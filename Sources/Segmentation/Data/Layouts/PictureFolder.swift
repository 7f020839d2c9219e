import Foundation

/// Anyone's pictures and masks, in `DIR/{train,val}/{images,masks}`.
struct PictureFolder: PicturesWithMasks {
    let name = "folder"
}

extension Dataset {
    /// Anyone's pictures and masks.
    public static let folder = Dataset(PictureFolder())
}

/// A layout of pictures and masks that ``PairedFolder`` reads.
protocol PicturesWithMasks: DatasetLayout {}

extension PicturesWithMasks {
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData {
        let (directory, options) = (URL(filePath: settings.path), PairedFolder.Options(settings))
        return TrainingData(
            training: try PairedFolder(directory, split: "train", options: options),
            validation: try PairedFolder(directory, split: "val", options: options))
    }

    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset {
        try PairedFolder.evaluation(URL(filePath: settings.path), split: split, options: PairedFolder.Options(settings))
    }
}

extension PairedFolder.Options {
    /// What the settings of a run say.
    init(_ settings: DataSettings) {
        self.init(size: settings.imageSize, classes: settings.classes)
        masks.ignoredLabel = settings.ignoredLabel.flatMap(UInt8.init(exactly:))
        (augmentation.zoomJitter, augmentation.colorJitter) = (settings.zoomJitter, settings.colorJitter)
    }
}
