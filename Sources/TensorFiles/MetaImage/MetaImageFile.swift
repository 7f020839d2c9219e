import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// MetaImage files, `.mha` and `.mhd` with separate data: raw, compressed with zlib, or text.
///
/// Data files must be in the header's folder or below, as for ``NRRDFile``.
package enum MetaImageFile {
    /// Writes a volume of voxels (slices, rows, columns) or (channels, slices, rows, columns),
    /// compressed, whole or not at all: as `.mha`, or as `.mhd` with a `.zraw` beside it.
    ///
    /// Other programs ignore MetaImage's slope and intercept, so if there are any, the values are
    /// written as float32.
    package static func write(_ volume: VolumeImage, to url: URL) throws(TensorFileError) {
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

    static func open(_ url: URL) throws -> (source: VoxelSource, order: ChannelOrder) {
        let file = try FileReader(url)
        let header = try MetaImageHeader(file)
        let layout = try MetaImageLayout(header)
        guard let total = HostTensor.byteCount(shape: layout.sizes, elementType: layout.volume.elementType) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(layout.sizes)")
        }
        let name = header["elementdatafile"] ?? ""
        func data(_ file: FileReader, from position: Int, count: Int) throws -> EncodedData {
            let skip = try header.integer("headersize") ?? 0
            guard (-1...1 << 30).contains(skip) else { throw Fault(.corrupt, "its header skips \(skip) bytes, which is not possible") }
            return try EncodedData(
                file, from: position, layout.encoding, of: layout.volume.elementType, start: skip < 0 ? .end : .skip(skip), count: count)
        }
        func source(_ stream: any ByteStream, _ largestSize: Int, _ finish: @escaping () throws -> Void) -> VoxelSource {
            VoxelSource(
                header: layout.volume, isBigEndian: layout.isBigEndian, stream: stream, largestSize: largestSize, finish: finish)
        }
        let files = try files(name, header, layout, beside: url)
        guard let files else {
            let data = try data(file, from: header.dataOffset, count: total)
            return (source(data.stream, data.largestSize, data.finish), layout.order)
        }
        let chain = try ChainedStream(files, bytes: total, of: layout.volume.elementType) { try data($0, from: 0, count: $1) }
        return (source(chain, chain.largestSize, { try chain.finish() }), layout.order)
    }

    /// The data files; nil if the data is in this file.
    private static func files(
        _ name: String, _ header: MetaImageHeader, _ layout: MetaImageLayout, beside url: URL
    ) throws -> [URL]? {
        if name.uppercased() == "LOCAL" { return nil }
        let words = name.split(separator: " ").map(String.init)
        var names = [name]
        if words.first?.uppercased() == "LIST" {
            names = header.listedFiles
        } else if words.count > 1, let pattern = NumberedName(words[0]) {
            let numbers = words.dropFirst().compactMap { Int($0) }
            guard numbers.count == words.count - 1, (2...3).contains(numbers.count), numbers.last != 0,
                numbers.allSatisfy({ abs($0) < 1 << 30 })
            else {
                throw Fault(.corrupt, "its header names its data files by '\(name.printable(limit: 60))', which is no pattern and range")
            }
            names = []
            for number in stride(from: numbers[0], through: numbers[1], by: numbers.count == 3 ? numbers[2] : 1) {
                guard names.count <= mostFiles else { break }
                names.append(pattern.name(number))
            }
        }
        guard names.count <= mostFiles else { throw Fault(.limit, "names more than \(mostFiles) data files") }
        return try names.map { try DataFile.url($0, beside: url) }
    }

    /// The most files that a header may name.
    private static let mostFiles = 4096

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
        return """
            ObjectType = Image
            NDims = \(n)
            BinaryData = True
            BinaryDataByteOrderMSB = False
            CompressedData = True
            CompressedDataSize = \(packed)
            TransformMatrix = \(text(matrix))
            Offset = \(text((0..<n).map { $0 < 3 ? axes.origin[$0] : 0 }))
            CenterOfRotation = \(text([Double](repeating: 0, count: n)))
            ElementSpacing = \(text(spacing))
            DimSize = \(sizes.map(String.init).joined(separator: " "))
            ElementType = \(type)
            ElementDataFile = \(file)

            """
    }
}
