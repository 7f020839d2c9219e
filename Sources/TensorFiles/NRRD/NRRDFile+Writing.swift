import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension NRRDFile {
    /// Writes a volume of voxels (slices, rows, columns) or (channels, slices, rows, columns),
    /// compressed with gzip, whole or not at all.
    ///
    /// `labels` are names and colours of the voxels' values, which 3D Slicer shows as segments.
    ///
    /// NRRD has no slope and intercept, so if there are any, the values are written as float32.
    package static func write(_ volume: VolumeImage, labels: [VolumeLabel] = [], to url: URL) throws(FileError) {
        try naming(url) {
            let voxels = try volume.plainVoxels()
            let header = try encode(voxels, volume.geometry, labels: labels, description: volume.description)
            try AtomicFile.write(to: url) { writer in
                try writer.write(Array(header.utf8))
                var packer = try GzipWriter()
                try packer.write(voxels.bytes, to: &writer)
                try packer.finish(to: &writer)
            }
        }
    }

    private static let typeNames: [ElementType: String] = [
        .int8: "int8", .uint8: "uint8", .int16: "int16", .uint16: "uint16", .int32: "int32", .uint32: "uint32", .int64: "int64",
        .uint64: "uint64", .float32: "float", .float64: "double",
    ]

    private static func encode(
        _ voxels: HostTensor, _ geometry: VolumeGeometry, labels: [VolumeLabel], description: String
    ) throws -> String {
        guard (3...4).contains(voxels.shape.count), voxels.shape.allSatisfy({ $0 > 0 }) else {
            throw Fault(.unwritable, "cannot hold a volume of shape \(voxels.shape)", remedy: "give it slices, rows and columns")
        }
        guard let type = typeNames[voxels.elementType] else {
            throw Fault(.unwritable, "cannot hold \(voxels.elementType) voxels", remedy: "convert them to float32")
        }
        // Slicer requires three axes, even for one slice.
        let channels = voxels.shape.count == 4 ? voxels.shape[0] : nil
        let sizes = voxels.shape.suffix(3).reversed() + (channels.map { [$0] } ?? [])
        var lines = ["NRRD0005"]
        if !description.isEmpty { lines.append("# \(description.printable(limit: 200))") }
        lines += ["type: \(type)", "dimension: \(sizes.count)"]
        let more = channels == nil ? "" : " none"
        if let affine = geometry.millimetreAffine {
            let axes = PlacedAxes(affine: affine, signs: PlacedAxes.leftPosterior)
            lines.append("space: left-posterior-superior")
            lines.append("sizes: \(sizes.map(String.init).joined(separator: " "))")
            lines.append("space directions: \(axes.columns.map(vector).joined(separator: " "))" + more)
            lines.append("space origin: \(vector(axes.origin))")
        } else {
            lines.append("sizes: \(sizes.map(String.init).joined(separator: " "))")
            let spacings = geometry.isSizeKnown ? geometry.spacing : [.nan, .nan, .nan]
            lines.append("spacings: \(spacings.map { "\($0)" }.joined(separator: " "))" + (channels == nil ? "" : " nan"))
        }
        lines.append("kinds: domain domain domain" + (channels == nil ? "" : " list"))
        lines += ["endian: little", "encoding: gzip"]
        for (key, value) in labels.isEmpty ? [] : SegmentKeys.pairs(labels, shape: Array(voxels.shape.suffix(3))) {
            lines.append("\(key):=\(escaped(value))")
        }
        return lines.joined(separator: "\n") + "\n\n"
    }

    private static func vector(_ numbers: [Double]) -> String { "(" + numbers.map { "\($0)" }.joined(separator: ",") + ")" }

    /// Names come from weights and may contain anything; keep them on one line.
    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": continue
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

extension VolumeImage {
    /// Voxels whose values need no slope and intercept.
    func plainVoxels() throws -> HostTensor {
        guard slope != 1 || intercept != 0 else { return voxels }
        try Memory.ask(for: voxels.count * 4)
        return HostTensor(values, shape: voxels.shape)
    }
}

extension VolumeGeometry {
    /// The ``affine`` in millimetres; nil if the header does not tell left from right.
    public var millimetreAffine: [[Double]]? {
        guard (matrixCode > 0 && hasUsableMatrix) || (quaternionCode > 0 && hasUsableQuaternion) else { return nil }
        let unit = units & 7 == 1 ? 1000.0 : units & 7 == 3 ? 0.001 : 1
        return unit == 1 ? affine : affine.map { $0.map { $0 * unit } }
    }
}
