import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The formats of volumes: recognises files by name, and reads and writes all formats the same way.
public enum VolumeFormat: String, Sendable, CaseIterable {
    /// NIfTI and Analyze: `.nii`, `.nii.gz`, `.hdr` with `.img`.
    case nifti = "nii.gz"
    /// NRRD: `.nrrd`, `.nhdr`.
    case nrrd
    /// MetaImage: `.mha`, `.mhd`.
    case metaImage = "mha"

    /// Endings of names with the dot, longest first.
    public var endings: [String] {
        switch self {
        case .nifti: [".nii.gz", ".hdr.gz", ".img.gz", ".nii", ".hdr", ".img"]
        case .nrrd: [".seg.nrrd", ".nrrd", ".nhdr"]
        case .metaImage: [".mha", ".mhd"]
        }
    }

    /// The format of a file's name; nil for other names.
    public init?(_ url: URL) {
        let name = url.lastPathComponent.lowercased()
        guard let format = Self.allCases.first(where: { $0.endings.contains { name.hasSuffix($0) && name.count > $0.count } }) else {
            return nil
        }
        self = format
    }

    /// Voxels as stored. `allChannels` also accepts a file of several channels, as (channels,
    /// slices, rows, columns).
    ///
    /// Memory is bounded by `limit` bytes and by the file's real size.
    public func read(_ url: URL, limit: Int = NIfTIFile.defaultLimit, allChannels: Bool = false) throws(TensorFileError) -> VolumeImage {
        try naming(url) {
            let (source, order) = try open(url)
            return try source.image(limit: limit, allChannels: allChannels, order: order)
        }
    }

    /// The values as floats, converted while reading; at most `limit` of them.
    public func floats(_ url: URL, limit: Int, allChannels: Bool = false) throws(TensorFileError) -> [Float] {
        try naming(url) {
            let (source, order) = try open(url)
            return order.sorted(try source.floats(limit: limit, allChannels: allChannels), channels: source.header.channels)
        }
    }

    /// A file's header.
    public func header(_ url: URL) throws(TensorFileError) -> VolumeHeader {
        try naming(url) { try open(url).source.header }
    }

    private func open(_ url: URL) throws -> (source: VoxelSource, order: ChannelOrder) {
        switch self {
        case .nifti: (try NIfTIFile.source(url), .volumes)
        case .nrrd: try NRRDFile.open(url)
        case .metaImage: try MetaImageFile.open(url)
        }
    }

    /// Writes a volume, whole or not at all. `labels` name its values if the format can hold names.
    public func write(_ volume: VolumeImage, labels: [VolumeLabel] = [], to url: URL) throws(TensorFileError) {
        switch self {
        case .nifti: try NIfTIFile.write(volume, to: url)
        case .nrrd: try NRRDFile.write(volume, labels: labels, to: url)
        case .metaImage: try MetaImageFile.write(volume, to: url)
        }
    }
}
