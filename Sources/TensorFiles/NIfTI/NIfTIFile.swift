import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// NIfTI-1 and NIfTI-2 files, `.nii` and `.nii.gz`, and pairs of `.hdr` and `.img`, of Analyze too.
///
/// The header is read here rather than by a library: the field's own trusts the sizes that a file declares, and prints to the terminal.
public enum NIfTIFile {
    /// Bytes that a volume may take unless the caller says otherwise: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Reads one volume, in either byte order; two-dimensional images have one slice.
    ///
    /// Memory is bounded by `limit` and by what the file's real size can hold; a file that declares more, or ends before, is an error.
    public static func read(_ url: URL, limit: Int = defaultLimit) throws(TensorFileError) -> VolumeImage {
        try naming(url) { try source(url).image(limit: limit, allChannels: false) }
    }

    /// ``read(_:limit:)`` from the bytes of a file in memory; `name` stands for the path in errors.
    public static func decode(_ bytes: [UInt8], name: String, limit: Int = defaultLimit) throws(TensorFileError) -> VolumeImage {
        try naming(name) {
            let file = FileReader(bytes, name: name)
            return try source(header: file, isPair: false) { file }.image(limit: limit, allChannels: false)
        }
    }

    /// Reads the header alone.
    public static func header(_ url: URL) throws(TensorFileError) -> VolumeHeader {
        try naming(url) { try source(url).header }
    }

    /// Writes NIfTI-1, atomically, gzipped where the name ends in `.gz`; voxels have shape (slices, rows, columns), each extent at most 32767.
    public static func write(_ volume: VolumeImage, to url: URL) throws(TensorFileError) {
        try naming(url) {
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

    /// Writes labels of `shape` (slices, rows, columns) in the place that `geometry` gives, for instance that of the image they were predicted from.
    public static func write(
        labels: [UInt8], shape: [Int], geometry: VolumeGeometry, description: String = "", to url: URL
    ) throws(TensorFileError) {
        guard HostTensor.elementCount(shape: shape) == labels.count else {
            throw TensorFileError(
                .unwritable, file: url.relativePath, reason: "\(labels.count) labels do not have shape \(shape)",
                remedy: "give one label a voxel")
        }
        try write(VolumeImage(voxels: HostTensor(labels, shape: shape), geometry: geometry, description: description), to: url)
    }

    /// The voxels of a file, or of the `.img` beside a `.hdr`, whichever of the two is named.
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

    /// The two files of a pair, packed or not, in the case of letters that the one given has.
    private struct Pair {
        let header: URL
        let image: URL

        /// Nil for a name that is not one of a pair.
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
                // Either of the two may be packed alone.
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
