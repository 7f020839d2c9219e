/// Volumes with their truth, in a fixed order. Only one is in memory at a time.
public protocol VolumeDataset: Sendable {
    /// The number of volumes.
    var count: Int { get }
    /// The classes' names, background first.
    var classNames: [String] { get }
    /// An allowed label beyond the classes, for ignored voxels.
    var ignoredLabel: UInt8? { get }
    /// A volume, read and checked. Throws ``DataError``, which names the file.
    func load(at index: Int) throws(DataError) -> SynapseVolume
    /// Sets of classes to score beside the classes themselves, such as a tumour with its core.
    var regions: [LabelRegion] { get }
}

extension VolumeDataset {
    /// None.
    public var regions: [LabelRegion] { [] }
}

/// Several classes that count as one.
public struct LabelRegion: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its classes.
    public let labels: Set<UInt8>

    /// A region of these classes.
    public init(name: String, labels: Set<UInt8>) { (self.name, self.labels) = (name, labels) }
}
