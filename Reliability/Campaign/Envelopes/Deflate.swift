import CZlib

/// DEFLATE by zlib, for envelopes. A damaged stream yields what could be unpacked.
enum Deflate {
    enum Wrapping: Int32 {
        case raw = -15
        case zlib = 15
        case gzip = 31
    }

    static func unpack(_ packed: [UInt8], _ wrapping: Wrapping, limit: Int = 1 << 18) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, wrapping.rawValue, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return [] }
        defer { inflateEnd(&stream) }
        var input = packed
        return input.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(limit)
                _ = inflate(&stream, Z_FINISH)
                count = limit - Int(stream.avail_out)
            }
        }
    }

    static func pack(_ bytes: [UInt8], _ wrapping: Wrapping) -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, 1, Z_DEFLATED, wrapping.rawValue, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else { return [] }
        defer { deflateEnd(&stream) }
        let room = Int(deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        return input.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(room)
                _ = deflate(&stream, Z_FINISH)
                count = room - Int(stream.avail_out)
            }
        }
    }

    static func crc32(_ bytes: [UInt8]) -> Int { Int(CZlib.crc32(0, bytes, UInt32(bytes.count))) }
}

extension Envelope {
    /// One gzip stream around `inner`.
    static func gzip(_ inner: Envelope = .none) -> Envelope {
        Envelope(
            open: { $0.starts(with: [0x1F, 0x8B]) ? [Part(label: [], bytes: Deflate.unpack($0, .gzip))] : nil },
            seal: { $0.first.map { Deflate.pack($0.bytes, .gzip) } ?? [] }, inner: { _ in inner })
    }
}
