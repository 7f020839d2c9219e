import Files

/// The array described by a MetaImage's header: axes, elements, placement.
struct MetaImageLayout {
    let volume: VolumeHeader
    let isBigEndian: Bool
    let encoding: DataEncoding
    let order: ChannelOrder
    /// The array's axes, fastest first; if a voxel has several values, they come first.
    let sizes: [Int]
    /// The number of axes according to the header.
    let dimensions: Int

    private static let types: [String: ElementType] = [
        "char": .int8, "uchar": .uint8, "short": .int16, "ushort": .uint16, "int": .int32, "uint": .uint32, "long": .int32,
        "ulong": .uint32,
        "long_long": .int64, "ulong_long": .uint64, "float": .float32, "double": .float64,
    ]

    init(_ header: MetaImageHeader) throws {
        if let type = header["objecttype"], type.lowercased() != "image" {
            throw Fault(.unsupported, "holds a MetaIO object of type '\(type.printable(limit: 20))'", remedy: "give an image")
        }
        guard let type = header["elementtype"]?.lowercased() else { throw Fault(.corrupt, "its header has no ElementType") }
        let name = type.hasPrefix("met_") ? String(type.dropFirst(4)) : type
        guard let elementType = Self.types[name.hasSuffix("_array") ? String(name.dropLast(6)) : name] else {
            throw Fault(.unsupported, "holds elements of type '\(type.printable(limit: 30))'", remedy: "save it as MET_SHORT or MET_FLOAT")
        }
        let isText = header["binarydata"] != nil && !header.isTrue("binarydata")
        encoding = isText ? .text : header.isTrue("compresseddata") ? .zlib : .raw
        isBigEndian = !isText && header.isTrue("binarydatabyteordermsb", "elementbyteordermsb")

        let lengths = header["dimsize"]?.split(whereSeparator: \.isWhitespace).map { Int($0) ?? 0 } ?? []
        let values = try header.integer("elementnumberofchannels") ?? 1
        guard let count = try header.integer("ndims"), (1...8).contains(count), lengths.count == count, values > 0,
            lengths.allSatisfy({ $0 > 0 }), HostTensor.elementCount(shape: [values] + lengths) != nil
        else {
            throw Fault(.corrupt, "its header declares an impossible shape '\((header["dimsize"] ?? "").printable(limit: 60))'")
        }
        dimensions = count
        sizes = (values > 1 ? [values] : []) + lengths
        let further = lengths.dropFirst(3).reduce(1, *)
        guard values == 1 || further == 1 else {
            throw Fault(.unsupported, "has several values per voxel and more than three axes", remedy: "save one volume per file")
        }
        order = values > 1 ? .inside(1) : .volumes
        var (geometry, notes) = try Self.geometry(header, dimensions: count)
        geometry.axes = count < 3 ? 2 : 3
        if let slope = try header.numbers("elementtointensityfunctionslope")?.first, slope != 1 {
            notes.append("its header's slope of intensities is not applied")
        }
        volume = VolumeHeader(
            shape: (0..<3).reversed().map { $0 < count ? lengths[$0] : 1 }, channels: values * further, elementType: elementType, slope: 1,
            intercept: 0, geometry: geometry, notes: notes)
    }

    /// MetaImage places voxels in left, posterior, superior, regardless of `AnatomicalOrientation`.
    private static func geometry(_ header: MetaImageHeader, dimensions count: Int) throws -> (VolumeGeometry, [String]) {
        let given = try header.numbers("elementspacing", "elementsize")
        let spacing = given ?? [Double](repeating: 1, count: count)
        let offset = try header.numbers("offset", "position", "origin") ?? [Double](repeating: 0, count: count)
        let matrix = try header.numbers("transformmatrix", "rotation", "orientation")
        guard spacing.count == count, offset.count == count, matrix == nil || matrix?.count == count * count else {
            throw Fault(.corrupt, "its header's spacing, offset or matrix does not fit its \(count) axes")
        }
        let used = min(count, 3)
        var columns = (0..<used).map { axis in
            (0..<3).map { row -> Double in
                let value = row < count ? matrix.map { $0[axis * count + row] } ?? (row == axis ? 1 : 0) : 0
                return value == 0 ? 0 : value * abs(spacing[axis])
            }
        }
        // A flat picture without height still has two directions.
        if columns.contains(where: { PlacedAxes.length($0) == 0 }) { columns = [] }
        var notes: [String] = []
        var geometry: VolumeGeometry
        if columns.isEmpty {
            geometry = .unknown
            notes.append(VolumeGeometry.sizelessNote)
        } else {
            let axes = PlacedAxes(columns, origin: (0..<3).map { $0 < count ? offset[$0] : 0 })
            geometry = VolumeGeometry(affine: axes.affine(signs: PlacedAxes.leftPosterior))
            // Directions hold without a size.
            if given == nil { (geometry.isSizeKnown, geometry.units) = (false, 0) }
            if !geometry.hasUsableMatrix {
                notes.append("its header's matrix does not span space")
            } else if given == nil {
                notes.append(VolumeGeometry.sizelessNote)
            }
        }
        return (geometry, notes)
    }
}
