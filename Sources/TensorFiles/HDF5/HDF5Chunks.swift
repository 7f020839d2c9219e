import Files

/// An array stored in chunks of equal shape: finds, unpacks and joins them.
struct HDF5Chunks {
    struct Entry {
        /// The position of the chunk's first element in the array.
        let corner: [Int]
        let address: Int
        /// Bytes in the file.
        let size: Int
        /// A bit for each filter that was skipped.
        let skipped: UInt32
    }

    private let file: HDF5Container
    private let shape: [Int]
    private let chunk: [Int]
    private let elementSize: Int
    private let filters: [HDF5Filter]
    /// Bytes of an unpacked chunk.
    let chunkSize: Int

    /// The most bytes that an unpacked chunk may take, and the most for an array smaller than that.
    private static let (largestChunk, usualChunk) = (1 << 30, 1 << 26)
    /// The most chunks that an index may list.
    private static let mostChunks = 1 << 20

    init(_ file: HDF5Container, shape: [Int], chunk: [Int], elementSize: Int, filters: [HDF5Filter]) throws {
        guard chunk.count == shape.count, !chunk.isEmpty, chunk.allSatisfy({ $0 > 0 }), let count = HostTensor.elementCount(shape: chunk),
            count <= Self.largestChunk / elementSize
        else { throw Fault(.limit, "is stored in chunks of an impossible or excessive size") }
        (self.file, self.shape, self.chunk, self.elementSize, self.filters) = (file, shape, chunk, elementSize, filters)
        chunkSize = count * elementSize
        // A chunk may extend beyond the array, but not far: it is unpacked whole.
        let arraySize = HostTensor.elementCount(shape: shape).map { $0.multipliedReportingOverflow(by: elementSize).partialValue } ?? 0
        guard chunkSize <= max(Self.usualChunk, arraySize.multipliedReportingOverflow(by: 2).partialValue) else {
            throw Fault(
                .limit, "is stored in chunks of \(Memory.size(chunkSize)), far more than its own \(Memory.size(arraySize))",
                remedy: "save it in chunks no larger than the array")
        }
    }

    /// The chunks listed by the tree at an address. Follows no more nodes than the file can hold,
    /// and only downwards.
    func list(tree: Int) throws -> [Entry] {
        var entries: [Entry] = []
        var nodes: [(address: Int, level: Int?)] = [(tree, nil)]
        var (next, bytes) = (0, 0)
        let keySize = 8 + 8 * (shape.count + 1)
        while next < nodes.count {
            let node = nodes[next]
            next += 1
            var fields = HDF5Bytes(try file.read(at: node.address, count: 24, "the index of chunks"))
            try fields.expect("TREE")
            let (kind, level, count) = (try fields.byte(), try fields.byte(), try fields.short())
            guard kind == 1, node.level.map({ level == $0 }) ?? (level < 32) else {
                throw Fault(.corrupt, "damaged: its index of chunks is wrong")
            }
            bytes += 24 + count * (keySize + 8)
            guard bytes <= file.size else { throw Fault(.corrupt, "damaged: its index of chunks is larger than the file") }
            var items = HDF5Bytes(try file.read(at: node.address + 24, count: count * (keySize + 8), "the index of chunks"))
            for _ in 0..<count {
                let (size, skipped) = (try items.word(), try items.integer(UInt32.self))
                let corner = try shape.map { _ in try items.length() }
                try items.skip(8)
                guard let child = try items.address() else { throw Fault(.truncated, "truncated: a chunk is missing") }
                if level > 0 {
                    nodes.append((child, level - 1))
                } else {
                    guard entries.count < Self.mostChunks else {
                        throw Fault(.limit, "is stored in more than a million chunks", remedy: "save it in larger chunks")
                    }
                    entries.append(Entry(corner: corner, address: child, size: size, skipped: skipped))
                }
            }
        }
        return entries
    }

    /// The whole array, row-major, from exactly these chunks.
    func read(_ entries: [Entry], byteCount: Int) throws -> [UInt8] {
        let needed = zip(shape, chunk).reduce(1) { $0.multipliedReportingOverflow(by: ($1.0 - 1) / $1.1 + 1).partialValue }
        // A chunk beyond the array is left over from before the array shrank.
        let used = entries.filter { zip($0.corner, shape).allSatisfy { $0 < $1 } }
        guard used.count == needed, Set(used.map(\.corner)).count == needed else {
            throw Fault(.truncated, "truncated: \(used.count) of \(needed) chunks are there")
        }
        // Stored chunks do not overlap, so their sizes add up to less than the file's.
        guard used.reduce(0, { $0 + $1.size }) <= file.size else {
            throw Fault(.corrupt, "damaged: its chunks add up to more than the file")
        }
        guard used.allSatisfy({ zip($0.corner, chunk).allSatisfy { $0 % $1 == 0 } }) else {
            throw Fault(.corrupt, "damaged: a chunk is out of place")
        }
        let ratio = filters.contains(.deflate) ? Inflate.largestRatio : 1
        guard byteCount / ratio <= file.size else {
            throw Fault(.truncated, "truncated: \(byteCount) bytes cannot come from a file of \(file.size)")
        }

        // Memory for the array and for one chunk as stored, unpacked and reordered.
        try Memory.ask(for: byteCount + 3 * chunkSize)
        var result = [UInt8](repeating: 0, count: byteCount)
        for entry in used {
            // Deflate and checksums add little to incompressible data.
            guard entry.size <= chunkSize + chunkSize / 1000 + 64 else {
                throw Fault(.corrupt, "the chunk at \(entry.corner) is larger than it may be")
            }
            let stored = try file.read(at: entry.address, count: entry.size, "the chunk at \(entry.corner)")
            let bytes = try HDF5Filter.undo(filters, skipped: entry.skipped, stored, count: chunkSize, elementSize: elementSize)
            copy(bytes, at: entry.corner, into: &result)
        }
        return result
    }

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
