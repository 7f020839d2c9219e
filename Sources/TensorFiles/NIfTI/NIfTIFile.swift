import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// NIfTI-1 and NIfTI-2 files, `.nii` and `.nii.gz`, and pairs of `.hdr` and `.img`, including
/// Analyze.
///
/// This reader replaces the field's own library, which trusts the sizes that a file declares and
/// prints to the terminal.
public enum NIfTIFile {
    /// The default limit on a volume's bytes: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Reads one volume in either byte order; a two-dimensional image has one slice.
    ///
    /// Memory is bounded by `limit` and by the file's real size. A file that declares more than it
    /// can hold, or ends early, is an error.
    public static func read(_ url: URL, limit: Int = defaultLimit) throws(FileError) -> VolumeImage {
        try naming(url) { try source(url).image(limit: limit, allChannels: false) }
    }

    /// True if the name belongs to a pair of files, `.hdr` and `.img`, packed or not.
    package static func isOfPair(_ url: URL) -> Bool { Pair(url) != nil }

    /// The header of a pair, given either file's name; nil unless both exist.
    package static func pairHeader(_ url: URL) -> URL? {
        guard let pair = Pair(url), systemHas(pair.header.path), systemHas(pair.image.path) else { return nil }
        return pair.header
    }

    /// Like ``read(_:limit:)``, from a file's bytes in memory; errors use `name` as the path.
    public static func decode(_ bytes: [UInt8], name: String, limit: Int = defaultLimit) throws(FileError) -> VolumeImage {
        try naming(name) {
            let file = FileReader(bytes, name: name)
            return try source(header: file, isPair: false) { file }.image(limit: limit, allChannels: false)
        }
    }

    /// Reads the values in the volume's unit, row-major. They are converted while reading, so the
    /// stored voxels take no extra memory.
    package static func values(_ url: URL, limit: Int) throws(FileError) -> (header: VolumeHeader, values: [Float]) {
        try naming(url) {
            let source = try source(url)
            return (source.header, try source.floats(limit: limit, allChannels: false))
        }
    }

    /// Reads only the header.
    public static func header(_ url: URL) throws(FileError) -> VolumeHeader {
        try naming(url) { try source(url).header }
    }

    /// Writes NIfTI-1, whole or not at all, gzipped if the name ends in `.gz`, as a pair with `.img`
    /// if it ends in `.hdr`. Voxels have shape (slices, rows, columns), each at most 32767.
    public static func write(_ volume: VolumeImage, to url: URL) throws(FileError) {
        try naming(url) {
            guard url.pathExtension.lowercased() != "hdr" else { return try writePair(volume, header: url) }
            let header = try NIfTIHeader.encode(volume)
            let isPacked = url.pathExtension.lowercased() == "gz"
            try AtomicFile.write(to: url) { writer in
                if isPacked {
                    var packer = try GzipWriter()
                    try packer.write(header, to: &writer)
                    try packer.write(volume.voxels.bytes, to: &writer)
                    try packer.finish(to: &writer)
                } else {
                    try writer.write(header)
                    try writer.write(volume.voxels.bytes)
                }
            }
        }
    }

    /// The voxels come first: a header without them is no volume.
    private static func writePair(_ volume: VolumeImage, header url: URL) throws {
        let header = try NIfTIHeader.encode(volume, isPair: true)
        try AtomicFile.write(to: url.deletingPathExtension().appendingPathExtension("img")) { try $0.write(volume.voxels.bytes) }
        try AtomicFile.write(to: url) { try $0.write(header) }
    }

    /// Writes labels of `shape` (slices, rows, columns) with the placement in `geometry`, usually
    /// that of the image they were predicted from.
    public static func write(
        labels: [UInt8], shape: [Int], geometry: VolumeGeometry, description: String = "", to url: URL
    ) throws(FileError) {
        guard HostTensor.elementCount(shape: shape) == labels.count else {
            throw FileError(
                .unwritable, file: url.relativePath, reason: "\(labels.count) labels do not have shape \(shape)",
                remedy: "give one label per voxel")
        }
        try write(VolumeImage(voxels: HostTensor(labels, shape: shape), geometry: geometry, description: description), to: url)
    }

    /// The voxels of a file, or of a pair of `.hdr` and `.img` if either is named.
    static func source(_ url: URL) throws -> VoxelSource {
        guard let pair = Pair(url) else {
            let file = try FileReader(url)
            return try source(header: file, isPair: false) { file }
        }
        return try source(header: FileReader(pair.header), isPair: true) { try FileReader(pair.image) }
    }

    private static func source(header file: FileReader, isPair: Bool, image: () throws -> FileReader) throws -> VoxelSource {
        let head = try GzipStream(file)
        var bytes = try head.read(4, "the header")
        let (size, isBigEndian) = try NIfTIHeader.kind(bytes)
        bytes += try head.read(size - 4, "the header")
        let header = try NIfTIHeader(bytes, isBigEndian: isBigEndian, isPair: isPair)
        let stream = header.isPair ? try GzipStream(try image()) : head
        try stream.skip(header.dataOffset - (header.isPair ? 0 : size), "the header's extensions")
        return VoxelSource(
            header: header.volume, isBigEndian: isBigEndian, stream: stream, largestSize: stream.largestSize,
            finish: { try stream.finish("the array of voxels") })
    }

    /// The two files of a pair, compressed or not, with the given file's letter case.
    private struct Pair {
        let header: URL
        let image: URL

        /// Nil unless the name is one of a pair's.
        init?(_ url: URL) {
            let name = url.lastPathComponent
            let lower = name.lowercased()
            let packing = lower.hasSuffix(".gz") ? String(name.suffix(3)) : ""
            let stem = String(name.dropLast(packing.count))
            guard lower.dropLast(packing.count).hasSuffix(".hdr") || lower.dropLast(packing.count).hasSuffix(".img") else { return nil }
            let isUpper = stem.last?.isUppercase ?? false
            func file(_ ending: String) -> URL {
                let other = String(stem.dropLast(3)) + (isUpper ? ending.uppercased() : ending)
                let folder = url.deletingLastPathComponent()
                // One of the two alone may be compressed.
                for packed in [packing, packing.isEmpty ? ".gz" : ""] {
                    let candidate = folder.appendingPathComponent(other + packed)
                    if systemHas(candidate.path) { return candidate }
                }
                return folder.appendingPathComponent(other + packing)
            }
            header = file("hdr")
            image = file("img")
        }
    }
}
