import Imaging

/// One picture with its truth, as float planes: channels × height × width.
public struct Sample: Sendable, Equatable {
    /// What each pixel should be called.
    public enum Target: Sendable, Equatable {
        /// Probability of the foreground, 0…1, height × width: soft where a mask was resized, negative where nobody labelled.
        case binary([Float])
        /// The class of each pixel, height × width.
        case labels([UInt8])
    }

    /// Intensities, channel by channel, rows from the top: channels × height × width.
    public var image: [Float]
    /// Planes of the image.
    public var channels: Int
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int
    /// The truth, height × width.
    public var target: Target
    /// The name to report it by.
    public var name: String

    /// Counts must agree with the shape; ``Batch`` checks them.
    public init(image: [Float], channels: Int, height: Int, width: Int, target: Target, name: String) {
        self.image = image
        self.channels = channels
        self.height = height
        self.width = width
        self.target = target
        self.name = name
    }

    /// Memory that the planes take.
    var byteCount: Int {
        switch target {
        case .binary(let plane): 4 * (image.count + plane.count)
        case .labels(let plane): 4 * image.count + plane.count
        }
    }
}

/// Pictures with their truth, in a fixed order.
///
/// Reading is in two steps, so that what is costly and always the same can be kept in memory: ``load(at:)`` reads and checks, ``prepare(_:random:)``
/// varies it for training and brings it to the network's size. Both are called from several threads at once and must give the same bits for the same
/// arguments.
public protocol SegmentationDataset: Sendable {
    /// How many samples there are.
    var count: Int { get }
    /// 1 for binary sets, whose targets are ``Sample/Target/binary(_:)``; otherwise the number of labels, background included.
    var classes: Int { get }
    /// The name to report a sample by.
    func name(at index: Int) -> String
    /// A sample as it is before augmentation. Throws ``DataError`` that names the file.
    func load(at index: Int) throws -> Sample
    /// What the network is given: every sample of a set has the same shape after this.
    /// - Parameter random: the numbers to augment with; nil for the sample as it is.
    func prepare(_ sample: Sample, random: CounterRandom?) throws -> Sample
    /// Columns and rows of the files that samples are made from, where they have sizes of their own; otherwise nothing.
    func sourceSizes() throws -> [(width: Int, height: Int)]
    /// Looks at every file. Throws one ``DataError`` that lists all that is wrong; otherwise says what a user should know, a
    /// line each.
    /// - Parameter forTraining: whether there must be something to learn.
    @discardableResult
    func verify(forTraining: Bool) throws -> [String]
    /// The picture of a sample as its file has it, in RGB; nil where samples have no file of their own.
    func picture(at index: Int) throws -> Picture?
}

extension SegmentationDataset {
    /// Nothing, unless a set says otherwise.
    public func sourceSizes() throws -> [(width: Int, height: Int)] { [] }
    /// Nothing to look at, unless a set says otherwise.
    public func verify(forTraining: Bool) throws -> [String] { [] }
    /// As ``verify(forTraining:)`` of a set that is only scored.
    @discardableResult
    public func verify() throws -> [String] { try verify(forTraining: false) }
    /// None, unless a set says otherwise.
    public func picture(at index: Int) throws -> Picture? { nil }

    /// The sample as the network is given it when it is evaluated.
    public func sample(at index: Int) throws -> Sample { try prepare(load(at: index), random: nil) }
}
