import Files

/// The relevant fields of a NIfTI-1, NIfTI-2 or Analyze header, in either byte order.
struct NIfTIHeader {
    var volume: VolumeHeader
    var isBigEndian = false
    /// The offset of the voxels, in this file or in the one beside it.
    var dataOffset: Int
    /// True if the voxels are in a separate file (`.img`).
    var isPair: Bool

    /// The most bytes to skip before the voxels.
    private static let largestOffset = 1 << 24

    static let version1Size = 348
    static let version2Size = 540

    private static let elementTypes: [Int: ElementType] = [
        2: .uint8, 4: .int16, 8: .int32, 16: .float32, 64: .float64, 256: .int8, 512: .uint16, 768: .uint32, 1024: .int64, 1280: .uint64,
    ]

    private static let otherTypes: [Int: String] = [
        1: "single bits", 32: "complex numbers", 128: "colours (RGB)", 1536: "128-bit numbers", 1792: "complex numbers",
        2048: "complex numbers", 2304: "colours (RGBA)",
    ]

    /// The header's length and byte order, judged by its first four bytes.
    static func kind(_ head: [UInt8]) throws -> (size: Int, isBigEndian: Bool) {
        let little = Int(head.littleEndian(at: 0, as: UInt32.self))
        let big = Int(head.littleEndian(at: 0, as: UInt32.self).byteSwapped)
        for size in [version1Size, version2Size] {
            if little == size { return (size, false) }
            if big == size { return (size, true) }
        }
        throw Fault(.wrongFormat, "is not a NIfTI file (its header does not begin with 348 or 540)")
    }

    /// Reads `kind(…).size` bytes. A header without NIfTI's magic number is Analyze's, which exists
    /// only in pairs of files; `isPair` tells whether the file's name is that of a pair.
    init(_ bytes: [UInt8], isBigEndian: Bool, isPair: Bool) throws {
        let fields = Fields(bytes: bytes, isBigEndian: isBigEndian)
        let isVersion2 = bytes.count == Self.version2Size
        let magic = Array(isVersion2 ? bytes[4..<8] : bytes[344..<348])
        let digit: UInt8 = isVersion2 ? 0x32 : 0x31
        let isAnalyze = isPair && !isVersion2 && magic[0] != UInt8(ascii: "n")
        if magic == [0x6E, 0x69, digit, 0] || isAnalyze {
            guard isPair else {
                throw Fault(
                    .unsupported, "is the header of a pair of files (.hdr and .img)", remedy: "name it .hdr, with its .img file beside it")
            }
            self.isPair = true
        } else {
            guard magic == [0x6E, 0x2B, digit, 0] else { throw Fault(.wrongFormat, "is not a NIfTI file (its magic is missing)") }
            self.isPair = false
        }

        let (shape, channels, axes) = try Self.shape(fields, isVersion2: isVersion2)
        let elementType = try Self.elementType(fields, isVersion2: isVersion2)
        self.isBigEndian = isBigEndian
        dataOffset = try Self.dataOffset(fields, isVersion2: isVersion2, least: self.isPair ? 0 : isVersion2 ? 544 : 352)

        var notes: [String] = []
        var (slope, intercept) = (1.0, 0.0)
        if !isAnalyze {
            let declared = isVersion2 ? (fields.double(176), fields.double(184)) : (fields.real(112), fields.real(116))
            // A slope of 0 or NaN means no scaling.
            if declared.0.isFinite, declared.0 != 0 {
                guard declared.1.isFinite else { throw Fault(.corrupt, "its header's intercept is not a number") }
                (slope, intercept) = declared
            }
        }
        var geometry: VolumeGeometry
        if isAnalyze {
            geometry = VolumeGeometry(spacing: (1...3).map { abs(fields.real(76 + 4 * $0)) })
            (geometry.quaternionCode, geometry.matrixCode) = (0, 0)
            notes.append("its Analyze header does not say which side is left")
        } else {
            geometry = try Self.geometry(fields, isVersion2: isVersion2)
            notes += geometry.problems
        }
        geometry.axes = axes
        volume = VolumeHeader(
            shape: shape, channels: channels, elementType: elementType, slope: slope, intercept: intercept, geometry: geometry,
            notes: notes)
    }

    /// Slices, rows, columns; the number of volumes; the number of spatial axes.
    private static func shape(_ fields: Fields, isVersion2: Bool) throws -> (shape: [Int], channels: Int, axes: Int) {
        var lengths = (0..<8).map {
            isVersion2 ? Int(truncatingIfNeeded: fields.integer(16 + 8 * $0, Int64.self)) : Int(fields.integer(40 + 2 * $0, Int16.self))
        }
        // Some writers leave zeros for missing axes.
        if (4...7).contains(lengths[0]) { for axis in 4...lengths[0] where lengths[axis] == 0 { lengths[axis] = 1 } }
        guard (1...7).contains(lengths[0]), lengths[1...lengths[0]].allSatisfy({ $0 > 0 }) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(lengths)")
        }
        let further = lengths[0] > 3 ? Array(lengths[4...lengths[0]]) : []
        guard let channels = HostTensor.elementCount(shape: further) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(lengths)")
        }
        return ((1...3).reversed().map { $0 <= lengths[0] ? lengths[$0] : 1 }, channels, min(max(lengths[0], 2), 3))
    }

    private static func elementType(_ fields: Fields, isVersion2: Bool) throws -> ElementType {
        let code = Int(isVersion2 ? fields.integer(12, Int16.self) : fields.integer(70, Int16.self))
        let bits = Int(isVersion2 ? fields.integer(14, Int16.self) : fields.integer(72, Int16.self))
        guard let elementType = elementTypes[code] else {
            let what = otherTypes[code].map { "\($0) (NIfTI type \(code))" } ?? "voxels of NIfTI type \(code)"
            throw Fault(.unsupported, "holds \(what)", remedy: "save it as an integer type or as float32")
        }
        guard bits == 8 * elementType.byteCount else {
            throw Fault(.corrupt, "its header declares \(bits) bits per voxel, but its type has \(8 * elementType.byteCount)")
        }
        return elementType
    }

    private static func dataOffset(_ fields: Fields, isVersion2: Bool, least: Int) throws -> Int {
        let offset = isVersion2 ? Double(fields.integer(168, Int64.self)) : fields.real(108)
        guard offset.isFinite, offset >= Double(least), offset <= Double(largestOffset), offset == offset.rounded() else {
            throw Fault(.corrupt, "its header puts the voxels at byte \(offset)")
        }
        return Int(offset)
    }

    private static func geometry(_ fields: Fields, isVersion2: Bool) throws -> VolumeGeometry {
        let number = { (first: Int, second: Int, index: Int) in
            isVersion2 ? fields.double(second + 8 * index) : fields.real(first + 4 * index)
        }
        var geometry = VolumeGeometry(spacing: (1...3).map { abs(number(76, 104, $0)) })
        geometry.handedness = number(76, 104, 0) < 0 ? -1 : 1
        geometry.quaternionCode = isVersion2 ? Int(fields.integer(344, Int32.self)) : Int(fields.integer(252, Int16.self))
        geometry.matrixCode = isVersion2 ? Int(fields.integer(348, Int32.self)) : Int(fields.integer(254, Int16.self))
        geometry.quaternion = (0..<3).map { number(256, 352, $0) }
        geometry.offset = (0..<3).map { number(268, 376, $0) }
        geometry.matrix = (0..<3).map { row in (0..<4).map { number(280, 400, 4 * row + $0) } }
        geometry.units = isVersion2 ? Int(fields.integer(500, Int32.self)) & 0xFF : Int(fields.integer(123, UInt8.self))
        guard geometry.affine.joined().allSatisfy(\.isFinite) else {
            throw Fault(.corrupt, "its header gives the voxels a size that is not a number")
        }
        return geometry
    }

    /// A NIfTI-1 header, little-endian, with the four bytes for "no extensions".
    static func encode(_ volume: VolumeImage, isPair: Bool = false) throws -> [UInt8] {
        let (shape, elementType, geometry) = (volume.voxels.shape, volume.voxels.elementType, volume.geometry)
        guard shape.count == 3, shape.allSatisfy({ (1...Int(Int16.max)).contains($0) }) else {
            throw Fault(.unwritable, "cannot hold a volume of shape \(shape)", remedy: "NIfTI-1 takes three axes of 1…32767 voxels")
        }
        guard let code = elementTypes.first(where: { $0.value == elementType })?.key else {
            throw Fault(.unwritable, "cannot hold \(elementType) voxels", remedy: "convert them to float32")
        }
        var bytes = [UInt8](repeating: 0, count: 352)
        func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
            for i in 0..<MemoryLayout<Value>.size { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
        }
        func put(_ values: [Double], at offset: Int) {
            for (i, value) in values.enumerated() { put(Float(value).bitPattern, at: offset + 4 * i) }
        }
        put(Int32(version1Size), at: 0)
        bytes[38] = 0x72  // "regular", which readers of the older Analyze format look for
        let axes = geometry.axes == 2 && shape[0] == 1 ? 2 : 3
        for (i, length) in ([axes] + shape.reversed() + [1, 1, 1, 1]).enumerated() { put(Int16(length), at: 40 + 2 * i) }
        put(Int16(code), at: 70)
        put(Int16(8 * elementType.byteCount), at: 72)
        put([geometry.handedness] + geometry.spacing + [1, 1, 1, 1], at: 76)
        put([isPair ? 0 : 352, volume.slope, volume.intercept], at: 108)
        bytes[123] = UInt8(truncatingIfNeeded: geometry.units)
        // Keep characters whole.
        var text: [UInt8] = []
        for character in volume.description.printable() {
            guard text.count + character.utf8.count < 80 else { break }
            text += Array(character.utf8)
        }
        bytes.replaceSubrange(148..<(148 + text.count), with: text)
        put(Int16(clamping: geometry.quaternionCode), at: 252)
        put(Int16(clamping: geometry.matrixCode), at: 254)
        let placement = geometry.quaternion + geometry.offset + geometry.matrix.flatMap { $0 }
        put(placement, at: 256)
        bytes.replaceSubrange(344..<348, with: [0x6E, isPair ? 0x69 : 0x2B, 0x31, 0])
        // NIfTI-2 stores the placement in double precision, which may not fit here.
        guard placement.allSatisfy({ Float($0).isFinite || !$0.isFinite }),
            (try? NIfTIHeader(Array(bytes.prefix(version1Size)), isBigEndian: false, isPair: isPair)) != nil
        else {
            throw Fault(
                .unwritable, "cannot hold the volume's placement: a number is too large for NIfTI-1",
                remedy: "correct the header of the source volume")
        }
        return bytes
    }

    /// Reads numbers at byte offsets.
    private struct Fields {
        let bytes: [UInt8]
        let isBigEndian: Bool

        func integer<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Value {
            let value: Value = bytes.littleEndian(at: offset)
            return isBigEndian ? value.byteSwapped : value
        }

        func real(_ offset: Int) -> Double { Double(Float(bitPattern: integer(offset, UInt32.self))) }
        func double(_ offset: Int) -> Double { Double(bitPattern: integer(offset, UInt64.self)) }
    }
}

extension VolumeGeometry {
    /// Three significant digits of a length.
    private static func text(_ length: Double) -> String {
        var scale = 1000.0
        while length * scale < 100, scale < 1e12 { scale *= 10 }
        return "\((length * scale).rounded() / scale)"
    }

    /// How far the matrix and the quaternion place the same voxel apart, at most, near the origin, as a
    /// share of the shortest side of a voxel; nil unless both are usable.
    private var placementDifference: Double? {
        guard matrixCode > 0, hasUsableMatrix, quaternionCode > 0, hasUsableQuaternion else { return nil }
        var turned = self
        turned.matrixCode = 0
        let (mine, its) = (affine, turned.affine)
        let sides = (0..<3).map { axis in Self.length(mine, axis: axis) }
        guard let shortest = sides.min(), shortest > 0 else { return nil }
        // A direction that differs matters by its length over many voxels.
        let apart = (0..<4).map { column -> Double in
            let gap = (0..<3).reduce(0.0) { $0 + (mine[$1][column] - its[$1][column]) * (mine[$1][column] - its[$1][column]) }
            return gap.squareRoot() * (column < 3 ? 10 : 1)
        }
        return (apart.max() ?? 0) / shortest
    }

    /// Oddities of the placement in NIfTI's fields, and the replacement used.
    fileprivate var problems: [String] {
        var problems: [String] = []
        let instead =
            quaternionCode > 0 && hasUsableQuaternion ? "the quaternion is used instead" : "only the voxels' spacing is known"
        if matrixCode > 0, !hasUsableMatrix { problems.append("its header's matrix (sform) places nothing: \(instead)") }
        if quaternionCode > 0, !hasUsableQuaternion {
            let instead = matrixCode > 0 && hasUsableMatrix ? "the matrix is used instead" : "only the voxels' spacing is known"
            problems.append("its header's quaternion (qform) is not a rotation: \(instead)")
        }
        if let size = voxelSize {
            // Writers that mean millimetres sometimes declare other units.
            if units & 7 == 3 || units & 7 == 1 {
                let (declared, sides) = (units & 7 == 3 ? "micrometres" : "metres", [size.width, size.height, size.depth])
                let shown = sides.map { Self.text($0) }.joined(separator: "×")
                problems.append("its header counts in \(declared): a voxel is taken for \(shown) mm")
            }
        } else {
            problems.append(Self.sizelessNote)
        }
        if let distance = placementDifference, distance > 0.1 {
            problems.append("its header's matrix (sform) and quaternion (qform) disagree: the matrix is used")
        }
        return problems
    }
}
