/// A data set and how to read it.
public struct DataSettings: Sendable, Hashable, Codable {
    /// The set's folder.
    public var path = ""
    /// The set's layout.
    public var dataset = Dataset.folder
    /// Height and width of the network's input, in pixels: a multiple of 32.
    public var imageSize = 256
    /// Pictures and slices: height and width of the patches that training takes out of whole ones
    /// at random, and then ``imageSize`` has the same value. Nil resizes whole ones to that size.
    public var patchSize: Int?
    /// 1 is foreground against background; otherwise the number of labels, background included.
    public var classes = 1
    /// One name for each class.
    public var classNames: [String]?
    /// Flips and rotates training pictures.
    public var augment = true
    /// Variation of size in training: pictures are magnified by 1/(1 + this) to 1 + this. 0, as
    /// published, for none.
    public var zoomJitter = 0.0
    /// Variation of colour in training: each channel's contrast is multiplied by 1 ± this, and its
    /// level shifted by ± this · 64 of 255. 0, as published, for none.
    public var colorJitter = 0.0
    /// Further variation in training.
    public var augmentation = AugmentationSettings()
    /// The number of training pictures or slices to take, drawn by the seed, as for learning curves;
    /// nil takes all.
    public var pictures: Int?
    /// Repeats training samples with rare classes within an epoch. Volumes always do.
    public var balance = false
    /// A label that the loss and the scores ignore.
    public var ignoredLabel: Int?
    /// The least grey of a binary mask's foreground, as a fraction of white.
    public var maskThreshold = 0.5
    /// The share of training pictures, or patients, to hold back for validation if the set has no
    /// such part. 0 trains on all and keeps the last epoch's weights.
    public var validationFraction = 0.2
    /// Slices and volumes: whether files already hold 0…1, or intensities that ``window`` maps to
    /// it.
    public var intensities = Intensities.normalized
    /// Slices and volumes: the intensities that are, or were, mapped to 0…1.
    public var window: IntensityWindow?
    /// Slices and volumes: the directions of columns, rows and slices.
    public var voxelOrder: VoxelOrder?
    /// Slices and volumes: millimetres between slices, rows and columns.
    public var spacing: VoxelSpacing?
    /// The kind of pictures, such as `dermoscopy`, `CT` or `MR`; stored with the weights.
    public var modality: String?
    /// Volumes in arrays: the axis across slices, 1 to 3.
    public var sliceAxis = 1
    /// Volumes: the channels' names, in the order of the network's input; nil for pictures and for
    /// slices of one channel, which the network gets three times.
    public var channels: [String]?
    /// Volumes with ``channels``: the mapping of each, unless ``window`` maps all.
    public var normalization: [Normalization]?
    /// Volumes with ``channels``: slices on each side of a slice that are channels as well.
    public var neighbors: Int?
    /// Of a set that is divided into folds: the fold that validates, from 0.
    public var fold: Int?
    /// Folds to divide the set into, for cross-validation; nil divides by ``validationFraction`` or
    /// as the set's own parts say.
    public var folds: Int?
    /// A table (CSV) of pictures and their groups, such as patients. No group is divided between
    /// training and validation.
    public var groups: String?
    /// The heading of the groups' column; nil for a table of two columns.
    public var groupColumn: String?
    /// A regular expression that finds the group in a picture's name: its first parentheses, or
    /// all of it.
    public var groupPattern: String?

    /// The share to hold back: one fold, or ``validationFraction`` if there are no folds.
    var heldBackFraction: Double { folds.map { 1 / Double($0) } ?? validationFraction }

    /// Channels of the network's input.
    public var inputChannels: Int { channels.map { $0.count * (2 * (neighbors ?? 0) + 1) } ?? 3 }

    /// The intensities in a set's files.
    public enum Intensities: String, Sendable, Codable, CaseIterable {
        case normalized, raw
    }

    /// Pictures and masks in a folder, read as published.
    public init() {}

    /// The published settings of a layout.
    public init(_ dataset: Dataset, path: String = "") {
        self.dataset = dataset
        self.path = path
        let defaults = dataset.layout.defaults
        (imageSize, classes, classNames) = (defaults.imageSize, defaults.classes, defaults.classNames)
        (zoomJitter, colorJitter) = (defaults.zoomJitter, defaults.colorJitter)
    }

    /// The further variation of this set's samples; nil if there is none.
    package var variation: SampleVariation? {
        guard augment, !augmentation.isOff else { return nil }
        let layout = dataset.layout
        return SampleVariation(augmentation, range: layout.mapsIntensities ? nil : 0...layout.largestIntensity)
    }

    /// The window to apply while reading; nil if files already hold 0…1.
    var readingWindow: IntensityWindow? { intensities == .raw ? window : nil }
}
