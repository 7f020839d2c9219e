import Foundation
import Imaging
import TensorFiles
import Torch
import VMUNet

/// The two sets that a run needs.
public struct TrainingData: Sendable {
    public let training: any SegmentationDataset
    /// What the best epoch is chosen by; nil where all is trained on and the last epoch's weights are kept.
    public let validation: (any SegmentationDataset)?
    /// How the sets came about, where a user should know: a line each.
    public let notes: [String]

    public init(training: any SegmentationDataset, validation: (any SegmentationDataset)?, notes: [String] = []) {
        self.training = training
        self.validation = validation
        self.notes = notes
    }

    /// The sets that a configuration names. Throws ``DataError`` that lists what is wrong with them.
    public init(_ configuration: RunConfiguration) throws {
        let directory = URL(filePath: configuration.data.path)
        switch configuration.data.dataset {
        case .isic17, .isic18, .folder:
            let options = configuration.data.folderOptions
            self.init(
                training: try PairedFolder(directory, split: "train", options: options),
                validation: try PairedFolder(directory, split: "val", options: options))
        case .synapse:
            try self.init(synapse: configuration, in: directory)
        }
    }

    /// Looks at every file before a run begins, and throws one ``DataError`` that lists all that is wrong.
    public func verify() throws {
        for set in [training, validation] {
            if let folder = set as? PairedFolder {
                try folder.verify()
                try folder.verifyMasks()
            }
            try (set as? SynapseDataset)?.verify()
        }
    }

    /// One split of a set, to evaluate on; of a set in Synapse's layout, a list of slices.
    public static func evaluation(_ settings: RunConfiguration.DataSettings, split: String) throws -> any SegmentationDataset {
        let directory = URL(filePath: settings.path)
        switch settings.dataset {
        case .isic17, .isic18, .folder: return try PairedFolder.evaluation(directory, split: split, options: settings.folderOptions)
        case .synapse:
            return try SynapseDataset(directory, list: split, classNames: settings.synapseClassNames, options: settings.sliceOptions)
        }
    }
}

extension RunConfiguration.DataSettings {
    var folderOptions: PairedFolder.Options {
        var options = PairedFolder.Options(size: imageSize, classes: classes)
        options.masks.ignoredLabel = ignoredLabel.flatMap(UInt8.init(exactly:))
        (options.augmentation.zoomJitter, options.augmentation.colorJitter) = (zoomJitter, colorJitter)
        return options
    }
}

extension RunConfiguration.Precision {
    /// The element type of the matrix products.
    public var elementType: ElementType { self == .bf16 ? .bfloat16 : .float32 }
}

extension RunConfiguration {
    public var segmentationLoss: SegmentationLoss {
        SegmentationLoss(
            crossEntropyWeight: loss.crossEntropy, diceWeight: loss.dice, classWeights: loss.classWeights, ignoredLabel: data.ignoredLabel)
    }

    /// What weights carry beside their tensors, so that `predict` and `evaluate` know how they were trained.
    var weightsMetadata: [String: MetadataValue] {
        var metadata: [String: MetadataValue] = ["image_size": .integer(data.imageSize), "dataset": .string(data.dataset.rawValue)]
        metadata["threshold"] = .number(threshold)
        if let label = data.ignoredLabel { metadata["ignored_label"] = .integer(label) }
        if let names = data.classNames { metadata["class_names"] = .string(ClassNames.text(names)) }
        return metadata
    }
}

/// A batch on a device.
struct BatchTensors {
    /// [B, channels, H, W].
    let images: Tensor
    /// Binary [B, 1, H, W] of float32, or labels [B, H, W] of int64.
    let target: Tensor

    init(_ batch: Batch, on device: Device) {
        let (B, H, W) = (batch.count, batch.height, batch.width)
        images = Tensor(batch.images, shape: [B, batch.channels, H, W], on: device)
        target =
            switch batch.target {
            case .binary(let plane): Tensor(plane, shape: [B, 1, H, W], on: device)
            case .labels(let plane): Tensor(plane, shape: [B, H, W], on: device).to(.int64)
            }
    }

    private init(images: Tensor, target: Tensor) { (self.images, self.target) = (images, target) }

    func copied() -> BatchTensors { BatchTensors(images: images.copied(), target: target.copied()) }
}

extension SegmentationLoss {
    /// The loss of a batch's logits against its truth: a binary plane of float32, or labels of int64.
    package func callAsFunction(_ logits: Tensor, _ target: Tensor) -> Tensor {
        target.elementType == .int64 ? manyClasses(logits, labels: target) : binary(logits, target: target)
    }
}
