import Files

/// The array described by an NRRD header: axes, elements, placement.
struct NRRDLayout {
    let volume: VolumeHeader
    let isBigEndian: Bool
    let encoding: DataEncoding
    let order: ChannelOrder
    /// The array's axes, for data in several files.
    let sizes: [Int]

    private static let types: [String: ElementType] = {
        var types: [String: ElementType] = [:]
        for (type, names) in [
            (.int8, ["signed char", "int8", "int8_t"]), (.uint8, ["uchar", "unsigned char", "uint8", "uint8_t"]),
            (.int16, ["short", "short int", "signed short", "signed short int", "int16", "int16_t"]),
            (.uint16, ["ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"]),
            (.int32, ["int", "signed int", "int32", "int32_t"]), (.uint32, ["uint", "unsigned int", "uint32", "uint32_t"]),
            (.int64, ["longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"]),
            (.uint64, ["ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"]),
            (.float32, ["float"]), (.float64, ["double"]),
        ] as [(ElementType, [String])] {
            for name in names { types[name] = type }
        }
        return types
    }()

    init(_ header: NRRDHeader) throws {
        let type = try header.required("type").lowercased()
        guard let elementType = Self.types[type] else {
            throw Fault(.unsupported, "holds elements of type '\(type.printable(limit: 30))'", remedy: "save it as short or float")
        }
        encoding =
            switch try header.required("encoding").lowercased() {
            case "raw": .raw
            case "txt", "text", "ascii": .text
            case "hex": .hex
            case "gz", "gzip": .gzip
            case "bz2", "bzip2": .bzip2
            case let other: throw Fault(.unsupported, "is compressed as '\(other.printable(limit: 30))'", remedy: "save it as raw or gzip")
            }
        switch header.fields["endian"]?.lowercased() {
        case "little"?: isBigEndian = false
        case "big"?: isBigEndian = encoding != .text
        case nil where elementType.byteCount == 1 || encoding == .text: isBigEndian = false
        default: throw Fault(.corrupt, "its header does not say whether its numbers are little or big endian")
        }
        sizes = try Self.sizes(header)
        let axes = try NRRDAxes(header, sizes: sizes)
        var notes = axes.notes
        if let old = header.fields["oldmin"], Double(old)?.isFinite == true {
            notes.append("its header's old minimum and maximum are not applied")
        }
        volume = VolumeHeader(
            shape: axes.shape, channels: axes.channels, elementType: elementType, slope: 1, intercept: 0, geometry: axes.geometry,
            notes: notes)
        order = axes.order
    }

    private static func sizes(_ header: NRRDHeader) throws -> [Int] {
        let text = try header.required("sizes").split(separator: " ")
        let sizes = text.compactMap { Int($0) }
        guard let dimension = try header.integer("dimension"), (1...16).contains(dimension), sizes.count == dimension,
            text.count == dimension, sizes.allSatisfy({ $0 > 0 }), HostTensor.elementCount(shape: sizes) != nil
        else {
            throw Fault(.corrupt, "its header declares an impossible shape '\(text.joined(separator: " ").printable(limit: 60))'")
        }
        return sizes
    }
}

/// The spatial axes of an NRRD array and their directions.
private struct NRRDAxes {
    var shape: [Int] = []
    var channels = 1
    var order = ChannelOrder.volumes
    var geometry = VolumeGeometry(spacing: [1, 1, 1])
    var notes: [String] = []

    /// Kinds of axes that are not spatial.
    private static let listKinds: Set<String> = [
        "list", "vector", "point", "stub", "scalar", "complex", "2-vector", "3-color", "rgb-color", "hsv-color", "xyz-color", "4-color",
        "rgba-color", "3-vector", "3-gradient", "3-normal", "4-vector", "quaternion", "time", "covariant-vector", "normal",
        "2d-symmetric-matrix", "2d-masked-symmetric-matrix", "2d-matrix", "2d-masked-matrix", "3d-symmetric-matrix",
        "3d-masked-symmetric-matrix", "3d-matrix", "3d-masked-matrix",
    ]

    init(_ header: NRRDHeader, sizes: [Int]) throws {
        let directions = try header.vectors("spacedirections")
        guard directions == nil || directions?.count == sizes.count else {
            throw Fault(.corrupt, "its header's space directions do not fit its \(sizes.count) axes")
        }
        let spatial = try Self.spatial(header, sizes: sizes, directions: directions)
        let further = sizes.indices.filter { !spatial.contains($0) }
        channels = further.reduce(1) { $0 * sizes[$1] }
        shape = (0..<3).reversed().map { $0 < spatial.count ? sizes[spatial[$0]] : 1 }
        if channels > 1 {
            let used = further.filter { sizes[$0] > 1 }
            guard used.count == 1 else {
                throw Fault(.unsupported, "has more than one axis that is not spatial", remedy: "save one volume per file")
            }
            let below = sizes[..<used[0]].reduce(1, *)
            order = below * channels == sizes.reduce(1, *) ? .volumes : .inside(below)
        }
        try place(header, spatial: spatial, directions: directions)
        geometry.axes = spatial.count < 3 ? 2 : 3
    }

    /// The spatial axes, fastest first; at most three.
    private static func spatial(_ header: NRRDHeader, sizes: [Int], directions: [[Double]?]?) throws -> [Int] {
        let all = Array(sizes.indices)
        var spatial = all
        if let directions {
            spatial = all.filter { directions[$0] != nil }
        } else if let kinds = header.list("kinds"), kinds.count == sizes.count {
            spatial = all.filter { !listKinds.contains(kinds[$0].lowercased()) }
        }
        // A fourth axis without description is the last.
        if spatial.count > 3 { spatial = Array(spatial.prefix(3)) }
        guard !spatial.isEmpty else { throw Fault(.unsupported, "has no spatial axis", remedy: "save it as a volume") }
        return spatial
    }

    private mutating func place(_ header: NRRDHeader, spatial: [Int], directions: [[Double]?]?) throws {
        guard let directions else {
            let spacings = header.list("spacings")?.map { Double($0) ?? .nan } ?? []
            let known = (0..<3).map { axis in
                axis < spatial.count && spatial[axis] < spacings.count && spacings[spatial[axis]].isFinite
                    ? abs(spacings[spatial[axis]]) : 1
            }
            let isKnown = spatial.allSatisfy { $0 < spacings.count && spacings[$0].isFinite && spacings[$0] != 0 }
            if isKnown {
                geometry = VolumeGeometry(spacing: known)
                (geometry.quaternionCode, geometry.matrixCode) = (0, 0)
            } else {
                geometry = .unknown
                notes.append(VolumeGeometry.sizelessNote)
            }
            notes.append("its header does not say which side is left")
            return
        }
        let unit = try Self.millimetres(header)
        let columns = spatial.map { directions[$0] ?? [] }
        guard columns.allSatisfy({ $0.count == 3 && $0.allSatisfy(\.isFinite) }) else {
            guard columns.allSatisfy({ $0.count == 2 && $0.allSatisfy(\.isFinite) }) else {
                throw Fault(.corrupt, "its header's space directions are not vectors of two or three numbers")
            }
            let lengths = columns.map { unit * ($0[0] * $0[0] + $0[1] * $0[1]).squareRoot() } + [1, 1, 1]
            geometry = VolumeGeometry(spacing: lengths.prefix(3).map { $0 > 0 && $0.isFinite ? $0 : 1 })
            (geometry.quaternionCode, geometry.matrixCode) = (0, 0)
            geometry.isSizeKnown = lengths.prefix(columns.count).allSatisfy { $0 > 0 && $0.isFinite }
            notes.append("its header places it in a plane, so left and right are unknown")
            return
        }
        let origin = try header.vectors("spaceorigin")?.first.flatMap { $0 } ?? [0, 0, 0]
        guard origin.count == 3, origin.allSatisfy(\.isFinite) else { throw Fault(.corrupt, "its header's space origin is not a point") }
        let signs = Self.signs(header.fields["space"])
        let matrix = PlacedAxes(columns.map { $0.map { $0 * unit } }, origin: origin.map { $0 * unit })
        geometry = VolumeGeometry(affine: matrix.affine(signs: signs ?? [1, 1, 1]))
        if !geometry.hasUsableMatrix { notes.append("its header's space directions do not span space") }
        if signs == nil {
            // Distances are known nevertheless.
            let isSizeKnown = geometry.isSizeKnown
            geometry = VolumeGeometry(spacing: geometry.spacing)
            (geometry.quaternionCode, geometry.matrixCode, geometry.isSizeKnown) = (0, 0, isSizeKnown)
            notes.append("its header does not say which side is left")
        }
    }

    /// The signs that turn the header's space to right, anterior, superior; nil for a space
    /// unrelated to a patient.
    private static func signs(_ space: String?) -> [Double]? {
        switch space?.lowercased() {
        case "left-posterior-superior"?, "lps"?, "left-posterior-superior-time"?, "lpst"?: [-1, -1, 1]
        case "right-anterior-superior"?, "ras"?, "right-anterior-superior-time"?, "rast"?: [1, 1, 1]
        case "left-anterior-superior"?, "las"?, "left-anterior-superior-time"?, "last"?: [-1, 1, 1]
        default: nil
        }
    }

    /// Millimetres per unit of the header, which must be the same for all axes.
    private static func millimetres(_ header: NRRDHeader) throws -> Double {
        let units = Set(header.list("spaceunits")?.map { $0.filter { $0 != "\"" }.lowercased() } ?? [])
        switch units.count == 1 ? units.first : nil {
        case "cm"?: return 10
        case "m"?: return 1000
        case "um"?, "µm"?, "micron"?, "microns"?: return 0.001
        default: return 1
        }
    }
}
