import TensorFiles

/// What a network was trained on, as it travels with its weights: all that a prediction needs beside the tensors.
public struct WeightsMetadata: Sendable, Equatable {
    /// Height and width of the pictures in training, in pixels.
    public var imageSize: Int?
    /// The kind of data set.
    public var dataset: Dataset?
    /// The probability from which on a pixel is foreground.
    public var threshold: Double?
    /// The label that training ignored; scores leave it out too.
    public var ignoredLabel: Int?
    /// The classes' names, background first.
    public var classNames: [String]?

    /// Nothing is known.
    public init() {}

    /// What a file's metadata tells; values that make no sense count as not told.
    public init(_ metadata: [String: MetadataValue]) {
        imageSize = metadata["image_size"]?.integerValue
        dataset = metadata["dataset"].flatMap { Dataset(rawValue: $0.text) }
        threshold = metadata["threshold"]?.numberValue
        ignoredLabel = metadata["ignored_label"]?.integerValue
        classNames = metadata["class_names"].map { ClassNames.names($0.text) }
    }

    /// The same for a file.
    public var values: [String: MetadataValue] {
        var values: [String: MetadataValue] = [:]
        values["image_size"] = imageSize.map { .integer($0) }
        values["dataset"] = dataset.map { .string($0.rawValue) }
        values["threshold"] = threshold.map { .number($0) }
        values["ignored_label"] = ignoredLabel.map { .integer($0) }
        values["class_names"] = classNames.map { .string(ClassNames.text($0)) }
        return values
    }
}
