import CZlib

/// Unpacks zlib streams.
package enum Inflate {
    /// The deflate format expands a byte to at most this many.
    package static let largestRatio = 1032

    /// Unpacks a zlib stream of at most 4 GiB into a buffer. Returns the number of bytes written,
    /// and whether the stream was valid and ended there. Never writes beyond the buffer; its rest
    /// stays unchanged.
    package static func zlib(
        _ packed: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) -> (written: Int, isWhole: Bool) {
        var stream = z_stream()
        guard packed.count <= Int(UInt32.max), output.count <= Int(UInt32.max),
            inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return (0, false) }
        defer { inflateEnd(&stream) }
        stream.next_in = packed.baseAddress.map { UnsafeMutablePointer(mutating: $0) }
        stream.avail_in = UInt32(packed.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        let status = inflate(&stream, Z_FINISH)
        return (output.count - Int(stream.avail_out), status == Z_STREAM_END)
    }
}
