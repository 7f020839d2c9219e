import CZlib
import Files

/// Decompresses zlib streams, with a bound on the result.
enum Zlib {
    /// Unpacks a zlib stream of exactly `count` bytes; never writes more.
    static func inflate(_ packed: [UInt8], count: Int) throws -> [UInt8] {
        guard packed.count <= Int(UInt32.max), count < Int(UInt32.max) else {
            throw Fault(.limit, "has a packed block of more than 4 GiB")
        }
        guard count / Inflate.largestRatio <= packed.count else {
            throw Fault(.corrupt, "a packed block of \(packed.count) bytes cannot hold \(count)")
        }
        try Memory.ask(for: count)
        var (written, isWhole) = (0, false)
        // One extra byte reveals a stream that is too long.
        let output = [UInt8](unsafeUninitializedCapacity: count + 1) { output, filled in
            let room = UnsafeMutableBufferPointer(rebasing: output[..<(count + 1)])
            (written, isWhole) = packed.withUnsafeBufferPointer { Inflate.zlib($0, into: room) }
            filled = written
        }
        guard written <= count else { throw Fault(.corrupt, "a packed block unpacks to more than its \(count) bytes") }
        guard isWhole, written == count else {
            throw Fault(.corrupt, "a packed block is damaged or truncated: \(written) of \(count) bytes")
        }
        return output
    }
}

/// Writes a gzip file without name or time, so that equal contents give equal files.
struct GzipWriter: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let gzipWindow: Int32 = 15 + 16
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(stream, 6, Z_DEFLATED, gzipWindow, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            stream.deallocate()
            throw Fault(.memory, "needs more memory than there is")
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    mutating func write(_ bytes: [UInt8], to writer: inout AtomicFile.Writer) throws { try pack(bytes, Z_NO_FLUSH, &writer) }

    mutating func finish(to writer: inout AtomicFile.Writer) throws { try pack([], Z_FINISH, &writer) }

    private func pack(_ bytes: [UInt8], _ flush: Int32, _ writer: inout AtomicFile.Writer) throws {
        var taken = 0
        repeat {
            let piece = min(bytes.count - taken, 1 << 30)
            var left = 0
            let packed = bytes.withUnsafeBufferPointer { input in
                [UInt8](unsafeUninitializedCapacity: 1 << 18) { block, filled in
                    stream.pointee.next_in = input.baseAddress.map { UnsafeMutablePointer(mutating: $0 + taken) }
                    stream.pointee.avail_in = UInt32(piece)
                    stream.pointee.next_out = block.baseAddress
                    stream.pointee.avail_out = UInt32(block.count)
                    _ = deflate(stream, flush)
                    left = Int(stream.pointee.avail_in)
                    filled = block.count - Int(stream.pointee.avail_out)
                }
            }
            try writer.write(packed)
            taken += piece - left
            // A full block may not have been the last.
            if packed.count < 1 << 18, taken == bytes.count { break }
        } while true
    }
}

extension Zlib {
    /// Packs bytes into a zlib stream.
    static func deflate(_ bytes: [UInt8]) throws -> [UInt8] {
        let bound = Int(compressBound(uLong(bytes.count)))
        try Memory.ask(for: bound)
        var status = Z_OK
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { output, filled in
            var length = uLong(bound)
            status = bytes.withUnsafeBufferPointer { compress2(output.baseAddress, &length, $0.baseAddress, uLong($0.count), 6) }
            filled = status == Z_OK ? Int(length) : 0
        }
        guard status == Z_OK else { throw Fault(.memory, "needs more memory than there is") }
        return packed
    }
}
