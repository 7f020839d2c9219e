import CZlib
import Files

/// A file, gzipped or plain, read from front to back.
final class GzipStream: PackedStream {
    /// True if the file starts as gzip.
    let isPacked: Bool
    private let file: FileReader
    private var position: Int
    private var stream: UnsafeMutablePointer<z_stream>
    private var input: [UInt8] = []
    /// Bytes of the input that have been used.
    private var used = 0
    /// True if the last member has ended.
    private var isAtEnd = false

    private static let block = 1 << 18
    private static let magic: [UInt8] = [0x1F, 0x8B]

    /// Starts at an offset, after another header.
    convenience init(_ file: FileReader, from offset: Int = 0) throws {
        let isPacked = try file.bytes(at: offset, count: 2) == Self.magic
        try self.init(file, from: offset, isPacked: isPacked, window: 15 + 16)
    }

    /// A stream that zlib compressed, with gzip's header or its own.
    convenience init(zlib file: FileReader, from offset: Int) throws {
        try self.init(file, from: offset, isPacked: true, window: 15 + 32)
    }

    private init(_ file: FileReader, from offset: Int, isPacked: Bool, window: Int32) throws {
        self.file = file
        self.isPacked = isPacked
        position = offset
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard isPacked else { return }
        guard inflateInit2_(stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw Fault(.memory, "needs more memory than there is")
        }
    }

    deinit {
        if isPacked { inflateEnd(stream) }
        stream.deallocate()
    }

    /// The most bytes that the file can unpack to.
    var largestSize: Int { isPacked ? file.size.multipliedReportingOverflow(by: Inflate.largestRatio).partialValue : file.size }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        guard isPacked else {
            try file.fill(buffer, at: position, what)
            position += buffer.count
            return
        }
        let filled = try inflate(into: buffer, what)
        guard filled == buffer.count else {
            throw Fault(.truncated, "truncated: \(what) has \(filled) of \(buffer.count) bytes")
        }
    }

    /// Reads on to a compressed file's end, if that is near, so that its checksum is compared;
    /// returns the bytes that followed.
    @discardableResult
    func finish(_ what: String) throws -> Int { try drain(Self.block, what) }

    func drain(_ most: Int, _ what: String) throws -> Int {
        guard isPacked else { return 0 }
        return try withUnsafeTemporaryAllocation(byteCount: min(most, Self.block), alignment: 16) { block in
            var drained = 0
            while drained < most {
                let piece = UnsafeMutableRawBufferPointer(rebasing: block[..<min(block.count, most - drained)])
                let got = try inflate(into: piece, what)
                drained += got
                if got < piece.count { break }
            }
            return drained
        }
    }

    /// Unpacks until the buffer is full or the file ends; returns the number of bytes unpacked.
    private func inflate(into buffer: UnsafeMutableRawBufferPointer, _ what: String) throws -> Int {
        var filled = 0
        while filled < buffer.count, !isAtEnd {
            if used == input.count { try refill() }
            let piece = min(buffer.count - filled, 1 << 30)
            let (status, taken) = input.withUnsafeMutableBufferPointer { input in
                stream.pointee.next_in = input.baseAddress.map { $0 + used }
                stream.pointee.avail_in = UInt32(input.count - used)
                stream.pointee.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self) + filled
                stream.pointee.avail_out = UInt32(piece)
                return (CZlib.inflate(stream, Z_NO_FLUSH), input.count - used - Int(stream.pointee.avail_in))
            }
            filled += piece - Int(stream.pointee.avail_out)
            let isCutOff = used == input.count
            used += taken
            switch status {
            case Z_OK: break
            case Z_STREAM_END: try nextMember()
            case Z_BUF_ERROR where isCutOff:
                throw Fault(.truncated, "truncated: the gzip stream of \(what) ends early")
            case Z_MEM_ERROR: throw Fault(.memory, "needs more memory than there is")
            default: throw Fault(.corrupt, "\(what) cannot be unpacked: the gzip stream is damaged")
            }
        }
        return filled
    }

    /// Continues with the file's next member; anything else after a member is padding.
    private func nextMember() throws {
        if input.count - used < 2 { try refill() }
        guard input[used...].starts(with: Self.magic), inflateReset(stream) == Z_OK else {
            isAtEnd = true
            return
        }
    }

    /// Appends more of the file to the remaining input.
    private func refill() throws {
        let more = try file.bytes(at: position, count: Self.block)
        position += more.count
        input = input[used...] + more
        used = 0
    }
}
