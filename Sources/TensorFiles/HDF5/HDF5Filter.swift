import Files

/// A step that was applied to a chunk before it was stored.
enum HDF5Filter: Equatable {
    case deflate, shuffle, checksum

    /// The filters of a header's message, in the order of application.
    static func pipeline(_ message: HDF5Bytes) throws -> [HDF5Filter] {
        var fields = message
        let (version, count) = (try fields.byte(), try fields.byte())
        guard version == 1 || version == 2, count <= 32 else { throw Fault(.corrupt, "its list of filters is damaged") }
        if version == 1 { try fields.skip(6) }
        return try (0..<count).map { _ in
            let number = try fields.short()
            let nameLength = version == 1 || number >= 256 ? try fields.short() : 0
            try fields.skip(2)
            let values = try fields.short()
            try fields.skip(nameLength + 4 * values + (version == 1 && values % 2 != 0 ? 4 : 0))
            switch number {
            case 1: return .deflate
            case 2: return .shuffle
            case 3: return .checksum
            default:
                throw Fault(
                    .unsupported, "is compressed with HDF5 filter \(number), which is not supported",
                    remedy: "save it with compression 'gzip' or none")
            }
        }
    }

    /// Undoes a chunk's filters. `skipped` has a bit for each filter that was not applied. Returns
    /// `count` bytes.
    static func undo(_ filters: [HDF5Filter], skipped: UInt32, _ stored: [UInt8], count: Int, elementSize: Int) throws -> [UInt8] {
        let applied = filters.enumerated().filter { skipped & (1 << UInt32($0.offset)) == 0 }.map(\.element)
        var bytes = stored
        for (index, filter) in applied.enumerated().reversed() {
            switch filter {
            case .checksum:
                guard bytes.count >= 4 else { throw Fault(.corrupt, "a chunk is too short") }
                let declared = bytes.littleEndian(at: bytes.count - 4, as: UInt32.self)
                bytes.removeLast(4)
                guard fletcher32(bytes) == folded(declared) else { throw Fault(.corrupt, "a chunk does not match its checksum") }
            case .deflate:
                // Checksums added before compression are unpacked with the data.
                bytes = try Zlib.inflate(bytes, count: count + 4 * applied[..<index].count { $0 == .checksum })
            case .shuffle: bytes = unshuffled(bytes, elementSize: elementSize)
            }
        }
        guard bytes.count == count else { throw Fault(.corrupt, "a chunk has \(bytes.count) of \(count) bytes") }
        return bytes
    }

    /// Undoes the shuffle, which groups all elements' first bytes, then second bytes, and so on.
    /// Left-over bytes stay at the end.
    private static func unshuffled(_ bytes: [UInt8], elementSize: Int) -> [UInt8] {
        let elements = bytes.count / elementSize
        guard elementSize > 1, elements > 1 else { return bytes }
        var result = bytes
        bytes.withUnsafeBufferPointer { bytes in
            result.withUnsafeMutableBufferPointer { result in
                for byte in 0..<elementSize {
                    for element in 0..<elements { result[element &* elementSize &+ byte] = bytes[byte &* elements &+ element] }
                }
            }
        }
        return result
    }

    /// Fletcher's checksum over big-endian 16-bit words, as HDF5 stores it.
    private static func fletcher32(_ bytes: [UInt8]) -> UInt32 {
        var (first, second): (UInt64, UInt64) = (0, 0)
        bytes.withUnsafeBufferPointer { bytes in
            var at = 0
            while at < bytes.count {
                // This many words cannot overflow 64 bits before the sums are reduced.
                let end = min(at + 2 * 65_536, bytes.count)
                while at < end {
                    let low = at + 1 < bytes.count ? UInt64(bytes[at + 1]) : 0
                    first &+= UInt64(bytes[at]) << 8 | low
                    second &+= first
                    at += 2
                }
                (first, second) = (first % 65535, second % 65535)
            }
        }
        return UInt32(second << 16 | first)
    }

    /// Both halves of a checksum modulo 65535; HDF5 has two ways to write 0.
    private static func folded(_ checksum: UInt32) -> UInt32 { ((checksum >> 16) % 65535) << 16 | ((checksum & 0xFFFF) % 65535) }
}
