import CPNGCodec
import CZlib
import Dispatch
import Files
import Synchronization

/// Encodes 8-bit grey and RGB as PNG, compressing bands of rows on several threads. Equal pictures
/// give equal bytes, whatever the number of threads.
enum PNGEncoder {
    /// Bytes of pixels that are compressed as one piece.
    private static let band = 1 << 20

    static func encode(_ picture: Picture, path: String) throws(PictureError) -> [UInt8] {
        let rowBytes = picture.width * picture.channels
        let bandRows = max(1, band / rowBytes)
        let count = (picture.height + bandRows - 1) / bandRows
        try reading { () throws(FileError) in
            try naming(path) { try Memory.ask(for: picture.pixels.count + 4 * (bandRows + 1) * (rowBytes + 1)) }
        }
        let bands = Mutex<[Band?]>(Array(repeating: nil, count: count))
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let first = index * bandRows
            let rows = min(bandRows, picture.height - first)
            let packed = Band(picture, first: first, rows: rows, isLast: index == count - 1)
            bands.withLock { $0[index] = packed }
        }
        let done = bands.withLock { $0 }
        var out = PNGHeader.signature
        out.reserveCapacity(done.reduce(200) { $0 + ($1?.packed.count ?? 0) + 12 })
        var header: [UInt8] = []
        for side in [picture.width, picture.height] { header += bigEndian(UInt32(side)) }
        header += [8, picture.channels == 1 ? 0 : 2, 0, 0, 0]
        chunk("IHDR", header, to: &out)
        var sum: UInt = 1
        for (index, band) in done.enumerated() {
            guard let band, band.isSound else { throw .unwritable(path: path, reason: "there is not enough memory to compress it") }
            // zlib's two header bytes precede the first band: deflate, a 32 KiB window.
            chunk("IDAT", index == 0 ? [0x78, 0x01] + band.packed : band.packed, to: &out)
            sum = adler32_combine(sum, band.sum, band.length)
        }
        chunk("IDAT", bigEndian(UInt32(sum)), to: &out)
        chunk("IEND", [], to: &out)
        return out
    }

    /// Rows of a picture, filtered and compressed.
    private struct Band {
        var packed: [UInt8] = []
        /// Adler-32 of the filtered bytes, and their number.
        var sum: UInt = 1
        var length = 0
        var isSound = false

        init(_ picture: Picture, first: Int, rows: Int, isLast: Bool) {
            let rowBytes = picture.width * picture.channels
            length = rows * (rowBytes + 1)
            var status: Int32 = -1
            let filtered = [UInt8](unsafeUninitializedCapacity: length) { out, count in
                status = cpng_filter(picture.pixels, rowBytes, Int32(picture.channels), first, rows, out.baseAddress!)
                count = status == 0 ? length : 0
            }
            guard status == 0 else { return }
            sum = adler32_z(1, filtered, filtered.count)
            let packed = filtered.withUnsafeBufferPointer { filtered in
                [UInt8](unsafeUninitializedCapacity: cpng_deflate_room(length)) { out, count in
                    count = cpng_deflate(filtered.baseAddress!, length, isLast ? 1 : 0, out.baseAddress!)
                }
            }
            // Without the room that was not needed.
            self.packed = Array(packed[...])
            isSound = true
        }
    }

    private static func chunk(_ type: String, _ data: [UInt8], to out: inout [UInt8]) {
        out += bigEndian(UInt32(data.count))
        let name = Array(type.utf8)
        out += name
        out += data
        out += bigEndian(UInt32(truncatingIfNeeded: crc32_z(crc32_z(0, name, name.count), data, data.count)))
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
