@preconcurrency import CHDF5

/// An array stored in chunks, unpacked here rather than by the library, whose deflate filter grows without a bound.
struct HDF5Chunks {
    private enum Filter: Equatable { case deflate, shuffle, checksum }

    private let dataset: hid_t
    private let shape: [Int]
    private let chunk: [Int]
    private let elementSize: Int
    private let filters: [Filter]

    /// Bytes that one unpacked chunk may take.
    private static let largestChunk = 1 << 30

    init(_ dataset: hid_t, creation: hid_t, shape: [Int], stored: Int) throws {
        let fileType = H5Dget_type(dataset)
        defer { H5Tclose(fileType) }
        elementSize = max(H5Tget_size(fileType), 1)
        var lengths = [hsize_t](repeating: 0, count: HDF5File.largestRank)
        let rank = Int(H5Pget_chunk(creation, Int32(lengths.count), &lengths))
        chunk = lengths.prefix(max(rank, 0)).map { Int(clamping: $0) }
        guard rank == shape.count, rank > 0, chunk.allSatisfy({ $0 > 0 }), let count = HostTensor.elementCount(shape: chunk),
            count <= Self.largestChunk / elementSize
        else { throw Fault(.limit, "is stored in chunks of an impossible or excessive size") }
        self.dataset = dataset
        self.shape = shape

        filters = try (0..<UInt32(max(0, H5Pget_nfilters(creation)))).map { index in
            var (flags, valueCount, configuration) = (UInt32(0), 0, UInt32(0))
            let filter = H5Pget_filter2(creation, index, &flags, &valueCount, nil, 0, nil, &configuration)
            switch filter {
            case 1: return .deflate
            case 2: return .shuffle
            case 3: return .checksum
            default:
                throw Fault(
                    .unsupported, "is packed by HDF5 filter \(filter), which is not read",
                    remedy: "save it with compression 'gzip' or none")
            }
        }
        // No honest packing is denser than deflate's limit, so that a small file cannot ask for much memory.
        let ratio = filters.contains(.deflate) ? Zlib.largestRatio : 1
        let needed = shape.reduce(elementSize) { $0.multipliedReportingOverflow(by: $1).partialValue }
        guard needed / ratio <= stored else { throw Fault(.truncated, "truncated: \(shape) cannot come from the \(stored) bytes stored") }
    }

    /// The whole array in memory's type, row-major.
    func read(as memoryType: hid_t, byteCount: Int) throws -> [UInt8] {
        let elements = shape.reduce(1, *)
        // Conversion happens in place, in a buffer for the larger of the two types.
        var bytes = [UInt8](repeating: 0, count: max(byteCount, elements * elementSize))
        var corner = [Int](repeating: 0, count: shape.count)
        repeat { copy(try unpacked(at: corner), at: corner, into: &bytes) } while advance(&corner)

        let fileType = H5Dget_type(dataset)
        defer { H5Tclose(fileType) }
        guard bytes.withUnsafeMutableBytes({ H5Tconvert(fileType, memoryType, elements, $0.baseAddress, nil, HDF5Library.standard) }) >= 0 else {
            throw Fault(.unsupported, "holds numbers that cannot be converted", remedy: "save it as float32 or an integer type")
        }
        bytes.removeLast(bytes.count - byteCount)
        return bytes
    }

    /// Moves to the next chunk in row-major order; false after the last.
    private func advance(_ corner: inout [Int]) -> Bool {
        for axis in corner.indices.reversed() {
            corner[axis] += chunk[axis]
            if corner[axis] < shape[axis] { return true }
            corner[axis] = 0
        }
        return false
    }

    private func unpacked(at corner: [Int]) throws -> [UInt8] {
        let offset = corner.map { hsize_t($0) }
        let count = chunk.reduce(elementSize, *)
        var stored: hsize_t = 0
        guard H5Dget_chunk_storage_size(dataset, offset, &stored) >= 0, stored > 0 else {
            throw Fault(.truncated, "truncated: the chunk at \(corner) is missing")
        }
        // Deflate and a checksum add little to what cannot be packed.
        guard stored <= hsize_t(count + count / 1000 + 64) else { throw Fault(.corrupt, "the chunk at \(corner) is larger than it may be") }
        var (skipped, bytes) = (UInt32(0), [UInt8](repeating: 0, count: Int(stored)))
        guard H5Dread_chunk(dataset, HDF5Library.standard, offset, &skipped, &bytes) >= 0 else {
            throw Fault(.truncated, "truncated: the chunk at \(corner) cannot be read")
        }
        for (index, filter) in filters.enumerated().reversed() where skipped & (1 << UInt32(index)) == 0 {
            switch filter {
            case .checksum:
                guard bytes.count >= 4 else { throw Fault(.corrupt, "the chunk at \(corner) is too short") }
                let declared = bytes.littleEndian(at: bytes.count - 4, as: UInt32.self)
                bytes.removeLast(4)
                guard fletcher32(bytes) == folded(declared) else { throw Fault(.corrupt, "the chunk at \(corner) does not match its checksum") }
            case .deflate:
                // A checksum that was made before packing comes out with the data.
                let inner = filters[..<index].contains(.checksum) && skipped == 0 ? 4 : 0
                bytes = try Zlib.inflate(bytes, count: count + inner)
            case .shuffle: bytes = unshuffled(bytes)
            }
        }
        guard bytes.count == count else { throw Fault(.corrupt, "the chunk at \(corner) has \(bytes.count) of \(count) bytes") }
        return bytes
    }

    /// Undoes the grouping of the elements' first bytes, second bytes, and so on; left-over bytes stay at the end.
    private func unshuffled(_ bytes: [UInt8]) -> [UInt8] {
        let elements = bytes.count / elementSize
        guard elementSize > 1, elements > 1 else { return bytes }
        var result = bytes
        for byte in 0..<elementSize {
            for element in 0..<elements { result[element * elementSize + byte] = bytes[byte * elements + element] }
        }
        return result
    }

    /// Fletcher's checksum over big-endian 16-bit words, as HDF5 stores it.
    private func fletcher32(_ bytes: [UInt8]) -> UInt32 {
        var (first, second): (UInt64, UInt64) = (0, 0)
        for i in stride(from: 0, to: bytes.count, by: 2) {
            let low = i + 1 < bytes.count ? UInt64(bytes[i + 1]) : 0
            first = (first + (UInt64(bytes[i]) << 8 | low)) % 65535
            second = (second + first) % 65535
        }
        return UInt32(second << 16 | first)
    }

    /// Both halves of a checksum modulo 65535, of which HDF5 writes 0 in two ways.
    private func folded(_ checksum: UInt32) -> UInt32 { ((checksum >> 16) % 65535) << 16 | ((checksum & 0xFFFF) % 65535) }

    private func copy(_ source: [UInt8], at corner: [Int], into target: inout [UInt8]) {
        let rank = shape.count
        let used = (0..<rank).map { min(chunk[$0], shape[$0] - corner[$0]) }
        let run = used[rank - 1] * elementSize
        var index = [Int](repeating: 0, count: rank)
        source.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target in
                while true {
                    var (from, to) = (0, 0)
                    for axis in 0..<rank {
                        from = from * chunk[axis] + index[axis]
                        to = to * shape[axis] + corner[axis] + index[axis]
                    }
                    (target.baseAddress! + to * elementSize).copyMemory(from: source.baseAddress! + from * elementSize, byteCount: run)
                    var axis = rank - 2
                    while axis >= 0 {
                        index[axis] += 1
                        if index[axis] < used[axis] { break }
                        index[axis] = 0
                        axis -= 1
                    }
                    if axis < 0 { return }
                }
            }
        }
    }
}
