import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// MetaImage files, `.mha` and `.mhd` with separate data: raw, compressed with zlib, or text.
/// ``VolumeFormat/metaImage`` reads them.
///
/// Data files must be in the header's folder or below, as for ``NRRDFile``.
package enum MetaImageFile {
    /// Writes a volume of voxels (slices, rows, columns) or (channels, slices, rows, columns),
    /// compressed, whole or not at all: as `.mha`, or as `.mhd` with a `.zraw` beside it.
    ///
    /// Other programs ignore MetaImage's slope and intercept, so if there are any, the values are
    /// written as float32.
    package static func write(_ volume: VolumeImage, to url: URL) throws(FileError) {
        try naming(url) {
            let voxels = try volume.plainVoxels()
            let packed = try Zlib.deflate(voxels.bytes)
            guard url.pathExtension.lowercased() == "mhd" else {
                let header = try encode(voxels, volume.geometry, packed: packed.count, file: "LOCAL")
                try AtomicFile.write(to: url) { writer in
                    try writer.write(Array(header.utf8))
                    try writer.write(packed)
                }
                return
            }
            let data = url.deletingPathExtension().appendingPathExtension("zraw")
            let header = try encode(voxels, volume.geometry, packed: packed.count, file: data.lastPathComponent)
            // Write the data first: a header without data would be worse than data without a
            // header.
            try AtomicFile.write(packed, to: data)
            try AtomicFile.write(Array(header.utf8), to: url)
        }
    }

    // MARK: Reading

    /// The voxels that a header describes.
    static func source(_ url: URL) throws -> VoxelSource {
        let file = try FileReader(url)
        let header = try MetaImageHeader(file)
        let layout = try MetaImageLayout(header)
        let files = try dataFiles(header, beside: url), skip = try header.integer("headersize") ?? 0
        guard let start = EncodedData.Start(skipping: skip, parts: max(1, files?.count ?? 1)) else {
            throw Fault(.corrupt, "its header skips an impossible number of bytes: \(skip)")
        }
        let data = try EncodedData(
            at: header.dataOffset, of: file, or: files, shape: layout.sizes, of: layout.volume.elementType
        ) { file, position, count in
            try EncodedData(file, from: position, layout.encoding, of: layout.volume.elementType, start: start, count: count)
        }
        return VoxelSource(
            header: layout.volume, order: layout.order, isBigEndian: layout.isBigEndian, stream: data.stream,
            largestSize: data.largestSize, finish: data.finish)
    }

    /// One name, a list after the header, or a pattern with a range of numbers; nil if the data is
    /// in the header's file.
    static func dataFiles(_ header: MetaImageHeader, beside url: URL) throws -> [URL]? {
        let text = header["elementdatafile"] ?? ""
        let words = text.split(separator: " ").map(String.init)
        switch words.first?.uppercased() {
        case "LOCAL" where words.count == 1: return nil
        case "LIST": return try DataFiles.urls(header.listedFiles, beside: url)
        case _? where words.count > 1 && DataFiles.isPattern(words[0]): return try DataFiles.urls(DataFiles.names(words), beside: url)
        default: return try DataFiles.urls([text], beside: url)
        }
    }

    // MARK: Writing

    private static let typeNames: [ElementType: String] = [
        .int8: "MET_CHAR", .uint8: "MET_UCHAR", .int16: "MET_SHORT", .uint16: "MET_USHORT", .int32: "MET_INT", .uint32: "MET_UINT",
        .int64: "MET_LONG_LONG", .uint64: "MET_ULONG_LONG", .float32: "MET_FLOAT", .float64: "MET_DOUBLE",
    ]

    private static func encode(_ voxels: HostTensor, _ geometry: VolumeGeometry, packed: Int, file: String) throws -> String {
        guard (3...4).contains(voxels.shape.count), voxels.shape.allSatisfy({ $0 > 0 }) else {
            throw Fault(.unwritable, "cannot hold a volume of shape \(voxels.shape)", remedy: "give it slices, rows and columns")
        }
        guard let type = typeNames[voxels.elementType] else {
            throw Fault(.unwritable, "cannot hold \(voxels.elementType) voxels", remedy: "convert them to float32")
        }
        let isFlat = geometry.axes == 2 && voxels.shape == [1] + voxels.shape.suffix(2)
        let sizes = Array(voxels.shape.reversed().prefix(isFlat ? 2 : 4))
        let affine = geometry.millimetreAffine ?? VolumeGeometry(spacing: geometry.spacing).affine
        let axes = PlacedAxes(affine: affine, signs: PlacedAxes.leftPosterior)
        let n = sizes.count
        func text(_ numbers: [Double]) -> String { numbers.map { Int(exactly: $0).map(String.init) ?? "\($0)" }.joined(separator: " ") }
        func direction(_ axis: Int) -> [Double] {
            let own: [Double] = axis < 3 ? PlacedAxes.unit(axes.columns[axis]) : []
            return (0..<n).map { row -> Double in row < own.count ? own[row] : axis == row ? 1 : 0 }
        }
        let matrix: [Double] = (0..<n).flatMap(direction)
        let spacing: [Double] = (0..<n).map { axis in axis < 3 ? PlacedAxes.length(axes.columns[axis]) : 1 }
        // Without the line, the size stays as unknown as it was.
        let size = geometry.isSizeKnown ? "\nElementSpacing = \(text(spacing))" : ""
        return """
            ObjectType = Image
            NDims = \(n)
            BinaryData = True
            BinaryDataByteOrderMSB = False
            CompressedData = True
            CompressedDataSize = \(packed)
            TransformMatrix = \(text(matrix))
            Offset = \(text((0..<n).map { $0 < 3 ? axes.origin[$0] : 0 }))
            CenterOfRotation = \(text([Double](repeating: 0, count: n)))\(size)
            DimSize = \(sizes.map(String.init).joined(separator: " "))
            ElementType = \(type)
            ElementDataFile = \(file)

            """
    }
}
