import Files

/// An array of an HDF5 file: its place and storage, read from its header's messages.
struct HDF5Dataset {
    enum Layout {
        case compact([UInt8])
        case contiguous(address: Int?, size: Int)
        /// Chunks listed by a tree.
        case chunked(tree: Int?, chunk: [Int])
        /// One chunk holding the whole array; with filters, its stored size and the skipped
        /// filters.
        case single(address: Int?, chunk: [Int], packed: Int?, skipped: UInt32)
    }

    let shape: [Int]
    let elementType: ElementType
    private let isBigEndian: Bool
    private let layout: Layout
    private let filters: [HDF5Filter]
    private let file: HDF5Container

    init(_ name: String, in file: HDF5Container) throws {
        var (shape, type, layout): ([Int]?, (ElementType, Bool)?, Layout?) = (nil, nil, nil)
        var filters: [HDF5Filter] = []
        for message in try file.messages(at: file.object(name)) {
            let fields = HDF5Bytes(message.data)
            let isNeeded = [0x1, 0x3, 0x7, 0x8, 0xB].contains(message.kind)
            guard !(message.isShared && isNeeded) else {
                throw Fault(.unsupported, "has a type or shape that is stored elsewhere", remedy: "save it again in a plain form")
            }
            switch message.kind {
            case 0x1: shape = try Self.shape(fields)
            case 0x3: type = try Self.elementType(fields)
            case 0x7: throw Self.elsewhere
            case 0x8: layout = try Self.layout(fields)
            case 0xB: filters = try HDF5Filter.pipeline(fields)
            default: continue
            }
        }
        guard let shape, let type, let layout else { throw Fault(.corrupt, "is not an array, or is damaged") }
        (self.shape, self.layout, self.filters, self.file) = (shape, layout, filters, file)
        (elementType, isBigEndian) = type
    }

    private static let elsewhere = Fault(
        .unsupported, "lies in other files (virtual or external storage), which are not followed", remedy: "copy it into the file itself")

    /// The whole array; more than `limit` bytes is an error.
    func read(limit: Int) throws -> HostTensor {
        guard let byteCount = HostTensor.byteCount(shape: shape, elementType: elementType) else {
            throw Fault(.corrupt, "its shape \(shape) is out of range")
        }
        guard byteCount <= limit else { throw Fault(.limit, "takes \(byteCount) bytes, more than the \(limit) allowed") }
        guard byteCount > 0 else { return HostTensor(unchecked: shape, elementType, []) }
        var bytes = try stored(byteCount)
        let size = elementType.byteCount
        if isBigEndian { bytes.swapBytes(of: size) }
        return HostTensor(unchecked: shape, elementType, bytes)
    }

    private func stored(_ byteCount: Int) throws -> [UInt8] {
        let neverWritten = Fault(.truncated, "was declared but never written")
        switch layout {
        case .compact(let bytes):
            guard bytes.count >= byteCount else { throw Fault(.truncated, "truncated: \(bytes.count) of \(byteCount) bytes are there") }
            return Array(bytes.prefix(byteCount))
        case .contiguous(let address, let size):
            guard let address, size > 0 else { throw neverWritten }
            guard size >= byteCount else { throw Fault(.truncated, "truncated: \(size) of \(byteCount) bytes are there") }
            return try file.read(at: address, count: byteCount, "the array")
        case .chunked(let tree, let chunk):
            guard let tree else { throw neverWritten }
            let chunks = try HDF5Chunks(file, shape: shape, chunk: chunk, elementSize: elementType.byteCount, filters: filters)
            return try chunks.read(try chunks.list(tree: tree), byteCount: byteCount)
        case .single(let address, let chunk, let packed, let skipped):
            guard let address else { throw neverWritten }
            let chunks = try HDF5Chunks(file, shape: shape, chunk: chunk, elementSize: elementType.byteCount, filters: filters)
            let only = HDF5Chunks.Entry(corner: shape.map { _ in 0 }, address: address, size: packed ?? chunks.chunkSize, skipped: skipped)
            return try chunks.read([only], byteCount: byteCount)
        }
    }

    // MARK: Messages

    private static func shape(_ message: HDF5Bytes) throws -> [Int] {
        var fields = message
        let (version, rank, _) = (try fields.byte(), try fields.byte(), try fields.byte())
        guard version == 1 || version == 2 else { throw Fault(.unsupported, "has a shape of an unknown version") }
        let isNull = try fields.byte() == 2 && version == 2
        if version == 1 { try fields.skip(4) }
        guard !isNull, rank <= HDF5File.largestRank else {
            throw Fault(.unsupported, "has \(isNull ? "no" : "\(rank)") axes; at most \(HDF5File.largestRank) are read")
        }
        return try (0..<rank).map { _ in try fields.length() }
    }

    /// The element type (whole and IEEE floating-point numbers of 1, 2, 4 and 8 bytes), and whether
    /// it is big-endian.
    private static func elementType(_ message: HDF5Bytes) throws -> (ElementType, Bool) {
        let remedy = "save it as float32 or an integer type"
        var fields = message
        let (kind, flags) = (try fields.byte() & 0xF, try fields.byte())
        try fields.skip(2)
        let size = try fields.word()
        guard kind == 0 || kind == 1 else { throw Fault(.unsupported, "does not hold numbers", remedy: remedy) }
        let (offset, precision) = (try fields.short(), try fields.short())
        guard offset == 0, precision == 8 * size else { throw Fault(.unsupported, "holds numbers with unused bits", remedy: remedy) }
        let isBigEndian = flags & 1 != 0
        if kind == 0 {
            let isSigned = flags & 8 != 0
            let types: [Int: ElementType] =
                isSigned ? [1: .int8, 2: .int16, 4: .int32, 8: .int64] : [1: .uint8, 2: .uint16, 4: .uint32, 8: .uint64]
            guard let type = types[size] else { throw Fault(.unsupported, "holds numbers of \(size) bytes", remedy: remedy) }
            return (type, isBigEndian)
        }
        // Exponent's position and size, mantissa's position and size, exponent's bias.
        let form = try (0..<4).map { _ in try fields.byte() } + [try fields.word()]
        let forms: [[Int]: ElementType] = [[10, 5, 0, 10, 15]: .float16, [23, 8, 0, 23, 127]: .float32, [52, 11, 0, 52, 1023]: .float64]
        guard flags & 0x40 == 0, let type = forms[form], type.byteCount == size else {
            throw Fault(.unsupported, "holds floating-point numbers that are not IEEE's", remedy: remedy)
        }
        return (type, isBigEndian)
    }

    private static func layout(_ message: HDF5Bytes) throws -> Layout {
        var fields = message
        let (version, kind) = (try fields.byte(), try fields.byte())
        guard version == 3 || version == 4 else {
            throw Fault(.unsupported, "is stored in a layout of version \(version)", remedy: "save the file with libver='earliest'")
        }
        switch (kind, version) {
        case (0, _): return .compact(try fields.take(fields.short()))
        case (1, _): return .contiguous(address: try fields.address(), size: try fields.length())
        case (2, 3):
            let rank = try fields.byte()
            let tree = try fields.address()
            // The last length is the element's size.
            return .chunked(tree: tree, chunk: Array(try (0..<rank).map { _ in try fields.word() }.dropLast()))
        case (2, _):
            let (flags, rank, width) = (try fields.byte(), try fields.byte(), try fields.byte())
            guard (1...8).contains(width) else { throw Fault(.corrupt, "its chunks' lengths are damaged") }
            let chunk = try (0..<rank).map { _ in
                Int(clamping: (try fields.take(width) + [UInt8](repeating: 0, count: 8 - width)).littleEndian(at: 0, as: UInt64.self))
            }
            guard try fields.byte() == 1 else {
                throw Fault(.unsupported, "is stored in chunks of a newer form", remedy: "save the file with libver='earliest'")
            }
            let packed: (Int, UInt32)? = flags & 2 != 0 ? (try fields.length(), try fields.integer()) : nil
            return .single(address: try fields.address(), chunk: Array(chunk.dropLast()), packed: packed?.0, skipped: packed?.1 ?? 0)
        case (3, _): throw elsewhere
        default: throw Fault(.corrupt, "is stored in an unknown way")
        }
    }
}
