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
    /// The share of the training patients held back to validate, where the set does not say which. 0 trains on all and
    /// keeps the last epoch's weights, as published.
    public var validationFraction = 0.2

    /// Pictures and masks in a folder, read as published.
    public init() {}

    /// The published settings of a kind of set.
    public init(_ dataset: Dataset, path: String = "") {
        self.dataset = dataset
        self.path = path
        let defaults = dataset.layout.defaults
        (imageSize, classes, classNames) = (defaults.imageSize, defaults.classes, defaults.classNames)
    }
}
