import Foundation

/// A way in which data sets lie in a folder: everything that depends on it is here, and nothing else asks which set it is.
///
/// To add one, write a type that conforms and name it in ``DatasetLayouts/all``.
public protocol DatasetLayout: Sendable {
    /// The name in configuration files, on the command line and in weights.
    var name: String { get }
    /// The published settings.
    var defaults: DatasetDefaults { get }
    /// The greatest intensity of a picture that the network is given; the least is 0.
    var largestIntensity: Float { get }
    /// What weights say of their input when they were trained on a set read by these settings.
    func origin(_ settings: DataSettings) -> WeightsMetadata
    /// Looks at every file of every part of a set.
    /// - Parameter givenClasses: whether the number of classes is the user's and not a preset's.
    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck
    /// Classes that a set must have at least.
    var fewestClasses: Int { get }
    /// Whether a set may say itself how many classes it has.
    var namesItsClasses: Bool { get }
    /// Whether zoom and colour jitter apply.
    var allowsJitter: Bool { get }
    /// The part that scores are reported on, unless another one is asked for.
    var evaluationSplit: String { get }

    /// Whether samples of these names belong to a published set, so that a page may show the names. Others may be
    /// patients'.
    func areNamesPublic(_ names: [String]) -> Bool

    /// The settings with the number and names of the classes that the set in `settings.path` has.
    ///
    /// Throws ``DataError`` where the set names other classes than were given.
    /// - Parameters:
    ///   - givenCount: whether the number of classes is the user's and not a preset's.
    ///   - givenNames: the same for their names.
    func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings

    /// The sets to train on and to validate with; `seed` draws what is held back. Throws ``DataError`` that lists what is
    /// wrong with them.
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData

    /// One part of the set, to score.
    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset

    /// What a page about a run shows: the set that the run was validated with, as near as can be.
    func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset

    /// The part as volumes; nil where it has none.
    ///
    /// - Parameter classNames: the weights' own, where they have any.
    func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)?

    /// The volumes that a page about a run shows scores of; nil where there are none.
    func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)?
}

/// What a kind of set was published with.
public struct DatasetDefaults: Sendable, Equatable {
    /// Height and width of what the network is given, in pixels.
    public var imageSize = 256
    /// 1 is foreground against background; otherwise the number of labels, background included.
    public var classes = 1
    /// One name for each class.
    public var classNames: [String]?
    /// Epochs in which the learning rate falls along half a cosine.
    public var annealingEpochs = 50

    /// Those of ISIC.
    public init() {}
}

extension DatasetLayout {
    /// Those of ISIC.
    public var defaults: DatasetDefaults { DatasetDefaults() }
    /// 255, a picture's.
    public var largestIntensity: Float { 255 }
    /// Colour pictures, stretched to 0…``largestIntensity``.
    public func origin(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        (metadata.input, metadata.modality, metadata.inputChannels) = (.pictures, settings.modality, 3)
        metadata.valueRange = 0...Double(largestIntensity)
        return metadata
    }
    /// 1.
    public var fewestClasses: Int { 1 }
    /// False.
    public var namesItsClasses: Bool { false }
    /// True.
    public var allowsJitter: Bool { true }
    /// "val".
    public var evaluationSplit: String { "val" }
    /// False.
    public func areNamesPublic(_ names: [String]) -> Bool { false }
    /// Names that are not one for each class are dropped.
    public func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings {
        var settings = settings
        if settings.classNames?.count != settings.classes { settings.classNames = nil }
        return settings
    }
    /// ``evaluationSplit``.
    public func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset {
        try evaluationSet(settings, split: evaluationSplit)
    }
    /// None.
    public func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)? { nil }
    /// None.
    public func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)? { nil }
}

/// The layouts that are known by name.
public enum DatasetLayouts {
    /// Every layout, in the order in which help and messages list them.
    public static let all: [any DatasetLayout] = [ISIC17(), ISIC18(), Synapse(), PictureFolder()]

    /// Their names, for messages: "isic17, isic18, synapse or folder".
    public static var names: String {
        let names = all.map(\.name)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
}

/// A kind of data set: a layout, by its name.
public struct Dataset: RawRepresentable, Hashable, Sendable, Codable, CaseIterable {
    /// What the name stands for.
    public let layout: any DatasetLayout

    /// The layout's name.
    public var rawValue: String { layout.name }

    /// The layout of that name; nil where there is none.
    public init?(rawValue: String) {
        guard let layout = DatasetLayouts.all.first(where: { $0.name == rawValue }) else { return nil }
        self.layout = layout
    }

    init(_ layout: any DatasetLayout) { self.layout = layout }

    /// All that are known.
    public static var allCases: [Dataset] { DatasetLayouts.all.map { Dataset($0) } }

    public static func == (a: Dataset, b: Dataset) -> Bool { a.rawValue == b.rawValue }
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}
