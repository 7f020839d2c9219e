import Imaging

/// A picture with its truth, as float planes: channels × height × width.
public struct Sample: Sendable, Equatable {
    /// Each pixel's truth.
    public enum Target: Sendable, Equatable {
        /// The foreground's probability, 0…1, height × width: soft if a mask was resized,
        /// negative for unlabelled pixels.
        case binary([Float])
        /// The class of each pixel, height × width.
        case labels([UInt8])
    }

    /// Intensities by channel, rows from the top: channels × height × width.
    public var image: [Float]
    /// Planes of the image.
    public var channels: Int
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int
    /// The truth, height × width.
    public var target: Target
    /// The name for messages.
    public var name: String

    /// The counts must match the shape, which is checked when samples are joined to a batch.
    public init(image: [Float], channels: Int, height: Int, width: Int, target: Target, name: String) {
        self.image = image
        self.channels = channels
        self.height = height
        self.width = width
        self.target = target
        self.name = name
    }

    /// Rows and columns.
    package var size: PlaneSize { PlaneSize(height: height, width: width) }

    /// The planes' bytes.
    var byteCount: Int {
        switch target {
        case .binary(let plane): 4 * (image.count + plane.count)
        case .labels(let plane): 4 * image.count + plane.count
        }
    }
}

/// Pictures with their truth, in a fixed order.
///
/// Reading has two steps, so that the costly and constant part can be cached: ``load(at:)`` reads
/// and checks, ``prepare(_:random:)`` augments and resizes to the network's input. Several threads
/// call both at once, and equal arguments must give equal bits.
public protocol SegmentationDataset: Sendable {
    /// The number of samples.
    var count: Int { get }
    /// 1 for binary sets, whose targets are ``Sample/Target/binary(_:)``; otherwise the number of
    /// labels, background included.
    var classes: Int { get }
    /// The sample's name for messages.
    func name(at index: Int) -> String
    /// A sample before augmentation. Throws ``DataError``, which names the file.
    func load(at index: Int) throws -> Sample
    /// The network's input. All samples of a set have the same shape after this, except whole ones
    /// of a set that takes patches in training. `random` has the numbers for augmentation and for
    /// the choice of a patch; nil leaves the sample unchanged.
    func prepare(_ sample: Sample, random: CounterRandom?) throws -> Sample
    /// Columns and rows of the samples' files, if they have their own sizes; otherwise empty.
    func sourceSizes() throws -> [(width: Int, height: Int)]
    /// Checks every file. Throws one ``DataError`` that lists everything wrong; otherwise returns
    /// notes for the user, a line each. With `forTraining` there must be something to learn.
    @discardableResult
    func verify(forTraining: Bool) throws -> [String]
    /// The sample's own picture in RGB; nil if it has no file of its own.
    func picture(at index: Int) throws -> Picture?
    /// A sample like those of ``load(at:)``, but at its picture's own size; nil if it has no file of
    /// its own. Throws ``DataError``, which names the file.
    func ownSample(at index: Int) throws -> Sample?
}

extension SegmentationDataset {
    /// Empty by default.
    public func sourceSizes() throws -> [(width: Int, height: Int)] { [] }
    /// Checks nothing by default.
    public func verify(forTraining: Bool) throws -> [String] { [] }
    /// Like ``verify(forTraining:)``, for a set that is only scored.
    @discardableResult
    public func verify() throws -> [String] { try verify(forTraining: false) }
    /// Nil by default.
    public func picture(at index: Int) throws -> Picture? { nil }

    /// Nil by default.
    public func ownSample(at index: Int) throws -> Sample? { nil }

    /// The sample as the network sees it in evaluation.
    public func sample(at index: Int) throws -> Sample { try prepare(load(at: index), random: nil) }
}
