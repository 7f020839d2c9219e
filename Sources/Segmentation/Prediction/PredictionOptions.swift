/// What is done beyond one pass of the network over one resized picture. All of it is off by
/// default, except what the weights record.
public struct PredictionOptions: Sendable, Equatable {
    /// Height and width of the tiles in which pictures and slices go through the network at their
    /// own resolution, a multiple of 32. Nil resizes each as a whole, unless the weights were
    /// trained on crops (``WeightsMetadata/patchSize``) and no image size is given.
    public var tile: Int?
    /// The share of a tile that its neighbour covers too, 0…0.9.
    public var overlap = 0.5
    /// Views of each picture to average.
    public var augmentation = TestTimeAugmentation.none
    /// What is done to the labels afterwards; nil does what the weights record.
    public var cleanUp: CleanUp?
    /// Measures how unsure the network is: ``Segmenter/Result/doubt``.
    public var measuresDoubt = false

    /// The overlaps that tiles can have.
    public static let overlaps = 0.0...0.9

    /// One pass over each picture.
    public init() {}
}
