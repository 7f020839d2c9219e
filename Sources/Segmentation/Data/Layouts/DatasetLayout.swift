#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A layout of data sets in folders. Everything that depends on the layout is here; no other code
/// distinguishes layouts.
///
/// To add one, write a conforming type and add it to ``DatasetLayouts/all``.
public protocol DatasetLayout: Sendable {
    /// The name in configuration files, on the command line and in weights.
    var name: String { get }
    /// The published settings.
    var defaults: DatasetDefaults { get }
    /// The largest intensity of the network's input; the least is 0.
    var largestIntensity: Float { get }
    /// The metadata of weights trained on a set with these settings.
    func origin(_ settings: DataSettings) -> WeightsMetadata
    /// True if a folder clearly has this layout. Of layouts that look alike, such as ISIC's, only
    /// one returns true.
    func recognises(_ folder: URL) -> Bool
    /// Checks every file of every part of a set. `givenClasses` tells whether the user, not a
    /// preset, gave the number of classes.
    func check(_ settings: DataSettings, givenClasses: Bool) -> DatasetCheck
    /// The least number of classes.
    var fewestClasses: Int { get }
    /// True if a set may define its own number of classes.
    var namesItsClasses: Bool { get }
    /// True if zoom and colour jitter apply.
    var allowsJitter: Bool { get }
    /// True if intensities of any range are mapped for the network.
    var mapsIntensities: Bool { get }
    /// True if the set can be divided by groups of samples.
    var keepsGroups: Bool { get }
    /// True if training can take patches out of whole pictures or slices.
    var takesPatches: Bool { get }
    /// The part to score by default.
    var evaluationSplit: String { get }

    /// True if these samples' names belong to a published set, so that a page may show them. Others
    /// may be patients' names.
    func areNamesPublic(_ names: [String]) -> Bool

    /// The settings with the number and names of the classes of the set in `settings.path`.
    ///
    /// Throws ``DataError`` if the set's classes differ from those given. `givenCount` tells
    /// whether the user, not a preset, gave the number of classes; `givenNames`, whether the user
    /// gave the names.
    func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings

    /// The settings with how the set's volumes are to be turned, resampled and mapped, decided once
    /// for a run; given values are kept. `givenSize` tells whether the user, not a preset,
    /// gave the network's input size.
    ///
    /// Throws ``DataError`` that names every case which does not fit.
    func planned(_ settings: DataSettings, givenSize: Bool) throws(DataError) -> DataSettings

    /// The sets for training and validation; `seed` chooses the held-back samples. Throws
    /// ``DataError``, which lists everything wrong with them.
    func trainingData(_ settings: DataSettings, seed: UInt64) throws -> TrainingData

    /// Settings that suit the training pictures; nil for volumes and slices. Throws ``DataError`` for
    /// a mask that cannot be read.
    ///
    /// - Parameter keepsInput: true if the user chose the size of the network's input or patches.
    func pictureAdvice(_ settings: DataSettings, seed: UInt64, keepsInput: Bool) throws -> PictureAdvice?

    /// One part of the set, to score.
    func evaluationSet(_ settings: DataSettings, split: String) throws -> any SegmentationDataset

    /// The set for a page about a run: the run's validation set, as closely as possible.
    func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset

    /// The part as volumes; nil if it has none. `classNames` are the weights' own, if any.
    func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)?

    /// The volumes whose scores a page about a run shows; nil if there are none.
    func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)?
}

/// The published settings of a layout.
public struct DatasetDefaults: Sendable, Equatable {
    /// Height and width of the network's input, in pixels.
    public var imageSize = 256
    /// 1 is foreground against background; otherwise the number of labels, background included.
    public var classes = 1
    /// One name for each class.
    public var classNames: [String]?
    /// Epochs over which the learning rate falls along half a cosine.
    public var annealingEpochs = 50
    /// See ``DataSettings/zoomJitter`` and ``DataSettings/colorJitter``.
    public var zoomJitter = 0.0, colorJitter = 0.0

    /// ISIC's settings.
    public init() {}
}

extension DatasetLayout {
    /// Default: ISIC's settings.
    public var defaults: DatasetDefaults { DatasetDefaults() }
    /// Default: 255, as in pictures.
    public var largestIntensity: Float { 255 }
    /// Default: colour pictures, stretched to 0…``largestIntensity``.
    public func origin(_ settings: DataSettings) -> WeightsMetadata {
        var metadata = WeightsMetadata()
        (metadata.input, metadata.modality, metadata.inputChannels) = (.pictures, settings.modality, 3)
        metadata.valueRange = 0...Double(largestIntensity)
        return metadata
    }
    /// Default: false.
    public func recognises(_ folder: URL) -> Bool { false }
    /// Default: 1.
    public var fewestClasses: Int { 1 }
    /// Default: false.
    public var namesItsClasses: Bool { false }
    /// Default: true.
    public var allowsJitter: Bool { true }
    /// Default: false.
    public var mapsIntensities: Bool { false }
    /// Default: true.
    public var keepsGroups: Bool { true }
    /// Default: false.
    public var takesPatches: Bool { false }
    /// Default: "val".
    public var evaluationSplit: String { "val" }
    /// Default: false.
    public func areNamesPublic(_ names: [String]) -> Bool { false }
    /// Default: drops names if their number is not the number of classes.
    public func resolvingClasses(_ settings: DataSettings, givenCount: Bool, givenNames: Bool) throws(DataError) -> DataSettings {
        var settings = settings
        if settings.classNames?.count != settings.classes { settings.classNames = nil }
        return settings
    }
    /// Default: unchanged.
    public func planned(_ settings: DataSettings, givenSize: Bool) throws(DataError) -> DataSettings { settings }
    /// Default: none.
    public func pictureAdvice(_ settings: DataSettings, seed: UInt64, keepsInput: Bool) throws -> PictureAdvice? { nil }
    /// Default: the set of ``evaluationSplit``.
    public func reportSet(_ settings: DataSettings, seed: UInt64) throws -> any SegmentationDataset {
        try evaluationSet(settings, split: evaluationSplit)
    }
    /// Default: none.
    public func volumes(_ settings: DataSettings, split: String, classNames: [String]?) throws -> (any VolumeDataset)? { nil }
    /// Default: none.
    public func reportVolumes(_ settings: DataSettings) throws -> (any VolumeDataset)? { nil }
}

/// The layouts known by name.
public enum DatasetLayouts {
    /// All layouts, in the order of help and messages. A folder without a named layout belongs to the
    /// first that recognises it.
    public static let all: [any DatasetLayout] = [ISIC17(), ISIC18(), BUSI(), Synapse(), NNUNet(), PictureFolder()]

    /// Their names for messages: "isic17, isic18, busi, synapse, nnunet or folder".
    public static var names: String {
        let names = all.map(\.name)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
}

/// A layout, identified by its name.
public struct Dataset: RawRepresentable, Hashable, Sendable, Codable, CaseIterable {
    /// The layout.
    public let layout: any DatasetLayout

    /// The layout's name.
    public var rawValue: String { layout.name }

    /// The layout of that name; nil if there is none.
    public init?(rawValue: String) {
        guard let layout = DatasetLayouts.all.first(where: { $0.name == rawValue }) else { return nil }
        self.layout = layout
    }

    /// The layout that recognises a folder; nil if none does.
    public init?(recognising folder: URL) {
        guard let layout = DatasetLayouts.all.first(where: { $0.recognises(folder) }) else { return nil }
        self.layout = layout
    }

    init(_ layout: any DatasetLayout) { self.layout = layout }

    /// All known layouts.
    public static var allCases: [Dataset] { DatasetLayouts.all.map { Dataset($0) } }

    /// Kinds of one name are one.
    public static func == (a: Dataset, b: Dataset) -> Bool { a.rawValue == b.rawValue }
    /// By the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}
