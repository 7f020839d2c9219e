/// Options for more than one pass of the network over one resized picture. All are off by default,
/// except those that the weights record.
public struct PredictionOptions: Sendable, Equatable {
    /// Height and width of the tiles in which pictures and slices go through the network at their
    /// own resolution, a multiple of 32. Nil resizes each as a whole, unless the weights were
    /// trained on patches (``WeightsMetadata/patchSize``) and no image size is given.
    public var tile: Int?
    /// The share of a tile that its neighbour covers too, 0…0.9.
    public var overlap = 0.5
    /// Views of each picture to average.
    public var augmentation = TestTimeAugmentation.none
    /// Clean-up of the labels; nil takes the weights' own.
    public var cleanUp: CleanUp?
    /// Measures the network's uncertainty: ``Segmenter/Result/doubt``.
    public var measuresDoubt = false

    /// The overlaps that tiles can have.
    public static let overlaps = 0.0...0.9

    /// One pass over each picture.
    public init() {}
}
