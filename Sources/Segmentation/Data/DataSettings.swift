/// A data set, and how it is read.
public struct DataSettings: Sendable, Hashable, Codable {
    /// The set's folder.
    public var path = ""
    /// The kind of set.
    public var dataset = Dataset.folder
    /// Height and width of what the network is given, in pixels: a multiple of 32.
    public var imageSize = 256
    /// 1 is foreground against background; otherwise the number of labels, background included.
    public var classes = 1
    /// One name for each class.
    public var classNames: [String]?
    /// Whether training pictures are flipped and rotated.
    public var augment = true
    /// How much pictures are magnified or made smaller in training: ``Augmentation/zoomJitter``; 0, as published, for not at all.
    public var zoomJitter = 0.0
    /// How much their colours are changed: ``Augmentation/colorJitter``; 0, as published, for not at all.
    public var colorJitter = 0.0
    /// A label that counts in no loss and no score.
    public var ignoredLabel: Int?
    /// Where grey values of binary masks are cut, as a share of white.
    public var maskThreshold = 0.5
    /// The share of the training pictures, or patients, held back to validate, where the set does not say which. 0 trains
    /// on all and keeps the last epoch's weights.
    public var validationFraction = 0.2
    /// Slices and volumes: whether files hold 0…1 already, or intensities that ``window`` maps to it.
    public var intensities = Intensities.normalized
    /// Slices and volumes: which intensities became, or become, 0…1.
    public var window: IntensityWindow?
    /// Slices and volumes: the directions of columns, rows and slices.
    public var voxelOrder: VoxelOrder?
    /// Slices and volumes: millimetres between slices, rows and columns.
    public var spacing: VoxelSpacing?
    /// How the pictures came to be, such as `dermoscopy`, `CT` or `MR`; kept with the weights.
    public var modality: String?
    /// Volumes in arrays: the axis along which slices lie, 1 to 3.
    public var sliceAxis = 1

    /// What a set's files hold.
    public enum Intensities: String, Sendable, Codable, CaseIterable {
        case normalized, raw
    }

    /// Pictures and masks in a folder, read as published.
    public init() {}

    /// The published settings of a kind of set.
    public init(_ dataset: Dataset, path: String = "") {
        self.dataset = dataset
        self.path = path
        let defaults = dataset.layout.defaults
        (imageSize, classes, classNames) = (defaults.imageSize, defaults.classes, defaults.classNames)
    }

    /// The window that files are to be mapped by as they are read; nil where they hold 0…1 already.
    var readingWindow: IntensityWindow? { intensities == .raw ? window : nil }
}
