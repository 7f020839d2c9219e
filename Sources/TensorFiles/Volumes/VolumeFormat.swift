import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The formats of volumes, recognised by file name, and read and written the same way.
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

    /// Voxels as stored, of one volume or of all channels as (channels, slices, rows, columns); at
    /// most `limit` bytes.
    ///
    /// Memory is bounded by `limit` and by the file's real size.
    public func read(_ url: URL, limit: Int = NIfTIFile.defaultLimit, allChannels: Bool = false) throws(FileError) -> VolumeImage {
        try naming(url) { try source(url).image(limit: limit, allChannels: allChannels) }
    }

    /// One volume of at most `voxels` voxels, four bytes per voxel or less in memory: wider types
    /// become float32 while they are read, converted to the image's unit.
    package func readNarrow(_ url: URL, voxels: Int) throws(FileError) -> VolumeImage {
        try naming(url) { try source(url).narrowImage(limit: voxels) }
    }

    /// The values as floats, converted while reading; at most `limit` of them.
    public func floats(_ url: URL, limit: Int, allChannels: Bool = false) throws(FileError) -> [Float] {
        try naming(url) { try source(url).floats(limit: limit, allChannels: allChannels) }
    }

    /// A file's header.
    public func header(_ url: URL) throws(FileError) -> VolumeHeader {
        try naming(url) { try source(url).header }
    }

    /// The files of data that an `.nhdr` or `.mhd` names; none for other files.
    package static func dataFiles(of url: URL) -> [URL] {
        switch url.pathExtension.lowercased() {
        case "nhdr": (try? NRRDFile.dataFiles(NRRDHeader(FileReader(url)), beside: url)) ?? []
        case "mhd": (try? MetaImageFile.dataFiles(MetaImageHeader(FileReader(url)), beside: url)) ?? []
        default: []
        }
    }

    private func source(_ url: URL) throws -> VoxelSource {
        switch self {
        case .nifti: try NIfTIFile.source(url)
        case .nrrd: try NRRDFile.source(url)
        case .metaImage: try MetaImageFile.source(url)
        }
    }

    /// Writes a volume, whole or not at all. `labels` name its values if the format can hold names.
    public func write(_ volume: VolumeImage, labels: [VolumeLabel] = [], to url: URL) throws(FileError) {
        switch self {
        case .nifti: try NIfTIFile.write(volume, to: url)
        case .nrrd: try NRRDFile.write(volume, labels: labels, to: url)
        case .metaImage: try MetaImageFile.write(volume, to: url)
        }
    }
}
