import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// NIfTI-1 and NIfTI-2 files, `.nii` and `.nii.gz`.
///
/// The header is read here rather than by a library: the field's own trusts the sizes that a file declares, and prints to the terminal.
public enum NIfTIFile {
    /// Bytes that a volume may take unless the caller says otherwise: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Reads one volume, in either byte order; two-dimensional images have one slice.
    ///
    /// Memory is bounded by `limit` and by what the file's real size can hold; a file that declares more, or ends before, is an error.
    public static func read(_ url: URL, limit: Int = defaultLimit) throws(TensorFileError) -> NIfTIVolume {
        try naming(url) {
            let file = try GzipReader(url)
            var head = try file.read(4, "the header")
            let (size, isBigEndian) = try NIfTIHeader.kind(head)
            head += try file.read(size - 4, "the header")
            let header = try NIfTIHeader(head, isBigEndian: isBigEndian)

            guard let byteCount = HostTensor.byteCount(shape: header.shape, elementType: header.elementType) else {
                throw Fault(.corrupt, "its header declares an impossible shape \(header.shape)")
            }
            guard byteCount <= limit else { throw Fault(.limit, "takes \(byteCount) bytes, more than the \(limit) allowed") }
            guard byteCount <= file.largestSize else {
                throw Fault(.truncated, "truncated: the voxels take \(byteCount) bytes, which a file of \(file.fileSize) cannot hold")
            }
            _ = try file.read(header.dataOffset - size, "the header's extensions")
            var bytes = try file.read(byteCount, "the array of voxels")
            let elementSize = header.elementType.byteCount
            if isBigEndian, elementSize > 1 {
                for start in stride(from: 0, to: bytes.count, by: elementSize) { bytes[start..<(start + elementSize)].reverse() }
            }
            return NIfTIVolume(
                voxels: HostTensor(unchecked: header.shape, header.elementType, bytes), slope: header.slope, intercept: header.intercept,
                geometry: header.geometry)
        }
    }

    /// Writes NIfTI-1, atomically, gzipped where the name ends in `.gz`; voxels have shape (slices, rows, columns), each extent at most 32767.
    public static func write(_ volume: NIfTIVolume, to url: URL) throws(TensorFileError) {
        try naming(url) {
            let header = try NIfTIHeader.encode(
                shape: volume.voxels.shape, elementType: volume.voxels.elementType, slope: volume.slope, intercept: volume.intercept,
                geometry: volume.geometry, description: volume.description)
            let isPacked = url.pathExtension.lowercased() == "gz"
            let packed = isPacked ? try Zlib.gzip(header + volume.voxels.bytes) : nil
            try AtomicFile.write(to: url) { writer in
                if let packed {
                    try writer.write(packed)
                } else {
                    try writer.write(header)
                    try writer.write(volume.voxels.bytes)
                }
            }
        }
    }

    /// Writes labels of `shape` (slices, rows, columns) in the place that `geometry` gives, for instance that of the image they were predicted from.
    public static func write(
        labels: [UInt8], shape: [Int], geometry: NIfTIGeometry, description: String = "", to url: URL
    ) throws(TensorFileError) {
        guard HostTensor.elementCount(shape: shape) == labels.count else {
            throw TensorFileError(
                .unwritable, file: url.relativePath, reason: "\(labels.count) labels do not have shape \(shape)",
                remedy: "give one label a voxel")
        }
        try write(NIfTIVolume(voxels: HostTensor(labels, shape: shape), geometry: geometry, description: description), to: url)
    }
}
