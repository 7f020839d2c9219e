/// Volumes with their truth, in a fixed order; one is in memory at a time.
public protocol VolumeDataset: Sendable {
    /// How many volumes there are.
    var count: Int { get }
    /// The classes' names, background first.
    var classNames: [String] { get }
    /// A label beyond the classes that is allowed, for voxels that count in no score.
    var ignoredLabel: UInt8? { get }
    /// A volume read and checked. Throws ``DataError`` that names the file.
    func load(at index: Int) throws(DataError) -> SynapseVolume
}
