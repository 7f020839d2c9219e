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
}
