import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The fields of a NIfTI-1 or NIfTI-2 header that matter here, in either byte order.
struct NIfTIHeader {
    var shape: [Int]
    var elementType: ElementType
    var isBigEndian = false
    var dataOffset: Int
    var slope = 1.0
    var intercept = 0.0
    var geometry: NIfTIGeometry

    /// Bytes before the voxels that are skipped at most.
    private static let largestOffset = 1 << 24

    static let version1Size = 348
    static let version2Size = 540

    private static let elementTypes: [Int: ElementType] = [
        2: .uint8, 4: .int16, 8: .int32, 16: .float32, 64: .float64, 256: .int8, 512: .uint16, 768: .uint32, 1024: .int64, 1280: .uint64,
    ]

    /// How long the header is by its first four bytes, and whether its numbers are big-endian.
    static func kind(_ head: [UInt8]) throws -> (size: Int, isBigEndian: Bool) {
        let little = Int(head.littleEndian(at: 0, as: UInt32.self))
        let big = Int(head.littleEndian(at: 0, as: UInt32.self).byteSwapped)
        for size in [version1Size, version2Size] {
            if little == size { return (size, false) }
            if big == size { return (size, true) }
        }
        throw Fault(.wrongFormat, "is not a NIfTI file (its header does not begin with 348 or 540)")
    }

    /// Reads `kind(…).size` bytes.
    init(_ bytes: [UInt8], isBigEndian: Bool) throws {
        let fields = Fields(bytes: bytes, isBigEndian: isBigEndian)
        let isVersion2 = bytes.count == Self.version2Size
        let magic = Array(isVersion2 ? bytes[4..<8] : bytes[344..<348])
        let digit: UInt8 = isVersion2 ? 0x32 : 0x31
        if magic == [0x6E, 0x69, digit, 0] {
            throw Fault(.unsupported, "is the header of a pair of files (.hdr and .img)", remedy: "save it as one .nii or .nii.gz file")
        }
        guard magic == [0x6E, 0x2B, digit, 0] else { throw Fault(.wrongFormat, "is not a NIfTI file (its magic is missing)") }

        let lengths = (0..<8).map {
            isVersion2 ? Int(truncatingIfNeeded: fields.integer(16 + 8 * $0, Int64.self)) : Int(fields.integer(40 + 2 * $0, Int16.self))
        }
        guard (1...7).contains(lengths[0]), lengths[1...lengths[0]].allSatisfy({ $0 > 0 }) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(lengths)")
        }
        guard lengths[0] <= 3 || lengths[4...lengths[0]].allSatisfy({ $0 == 1 }) else {
            throw Fault(.unsupported, "holds more than one volume: \(lengths[1...lengths[0]])", remedy: "save one volume a file")
        }
        shape = (1...3).reversed().map { $0 <= lengths[0] ? lengths[$0] : 1 }

        let code = Int(isVersion2 ? fields.integer(12, Int16.self) : fields.integer(70, Int16.self))
        let bits = Int(isVersion2 ? fields.integer(14, Int16.self) : fields.integer(72, Int16.self))
        guard let elementType = Self.elementTypes[code] else {
            throw Fault(.unsupported, "holds voxels of NIfTI type \(code)", remedy: "save it as an integer type or as float32")
        }
        guard bits == 8 * elementType.byteCount else {
            throw Fault(.corrupt, "its header declares \(bits) bits a voxel, where its type has \(8 * elementType.byteCount)")
        }
        self.elementType = elementType
        self.isBigEndian = isBigEndian

        let offset = isVersion2 ? Double(fields.integer(168, Int64.self)) : fields.real(108)
        let least = isVersion2 ? 544 : 352
        guard offset.isFinite, offset >= Double(least), offset <= Double(Self.largestOffset), offset == offset.rounded() else {
            throw Fault(.corrupt, "its header puts the voxels at byte \(offset)")
        }
        dataOffset = Int(offset)

        let (declaredSlope, declaredIntercept) =
            isVersion2 ? (fields.double(176), fields.double(184)) : (fields.real(112), fields.real(116))
        // A slope of 0, or none that is a number, means that values are not scaled.
        if declaredSlope.isFinite, declaredSlope != 0 {
            guard declaredIntercept.isFinite else { throw Fault(.corrupt, "its header's intercept is not a number") }
            (slope, intercept) = (declaredSlope, declaredIntercept)
        }
        geometry = try Self.geometry(fields, isVersion2: isVersion2)
    }

    private static func geometry(_ fields: Fields, isVersion2: Bool) throws -> NIfTIGeometry {
        let number = { (first: Int, second: Int, index: Int) in
            isVersion2 ? fields.double(second + 8 * index) : fields.real(first + 4 * index)
        }
        var geometry = NIfTIGeometry(spacing: (1...3).map { abs(number(76, 104, $0)) })
        geometry.handedness = number(76, 104, 0) < 0 ? -1 : 1
        geometry.quaternionCode = isVersion2 ? Int(fields.integer(344, Int32.self)) : Int(fields.integer(252, Int16.self))
        geometry.matrixCode = isVersion2 ? Int(fields.integer(348, Int32.self)) : Int(fields.integer(254, Int16.self))
        geometry.quaternion = (0..<3).map { number(256, 352, $0) }
        geometry.offset = (0..<3).map { number(268, 376, $0) }
        geometry.matrix = (0..<3).map { row in (0..<4).map { number(280, 400, 4 * row + $0) } }
        geometry.units = isVersion2 ? Int(fields.integer(500, Int32.self)) & 0xFF : Int(fields.integer(123, UInt8.self))
        guard geometry.affine.joined().allSatisfy(\.isFinite) else {
            throw Fault(.corrupt, "its header places the voxels by something that is not a number")
        }
        return geometry
    }

    /// A NIfTI-1 header, little-endian, with the four bytes that say that no extensions follow.
    static func encode(
        shape: [Int], elementType: ElementType, slope: Double, intercept: Double, geometry: NIfTIGeometry, description: String = ""
    ) throws -> [UInt8] {
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
        for (i, length) in ([3] + shape.reversed() + [1, 1, 1, 1]).enumerated() { put(Int16(length), at: 40 + 2 * i) }
        put(Int16(code), at: 70)
        put(Int16(8 * elementType.byteCount), at: 72)
        put([geometry.handedness] + geometry.spacing + [1, 1, 1, 1], at: 76)
        put([352, slope, intercept], at: 108)
        bytes[123] = UInt8(truncatingIfNeeded: geometry.units)
        for (i, byte) in description.utf8.prefix(79).enumerated() { bytes[148 + i] = byte }
        put(Int16(clamping: geometry.quaternionCode), at: 252)
        put(Int16(clamping: geometry.matrixCode), at: 254)
        put(geometry.quaternion + geometry.offset + geometry.matrix.flatMap { $0 }, at: 256)
        bytes.replaceSubrange(344..<348, with: [0x6E, 0x2B, 0x31, 0])
        // NIfTI-2 places voxels in double precision, which may not fit here.
        guard (try? NIfTIHeader(bytes, isBigEndian: false)) != nil else {
            throw Fault(
                .unwritable, "cannot hold where the volume lies: a number of its header is too large for NIfTI-1",
                remedy: "correct the header of the volume that it comes from")
        }
        return bytes
    }

    /// Numbers at byte offsets.
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
