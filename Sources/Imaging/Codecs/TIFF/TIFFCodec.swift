import Files

/// Decodes TIFF pictures of 1 to 16 bits: strips and tiles, compressed with LZW, Deflate or
/// PackBits.
enum TIFFCodec {
    static func decode(_ file: FileReader, _ header: TIFFHeader) throws(PictureError) -> DecodedSamples {
        let path = file.name
        let (width, height, channels) = (header.width, header.height, header.channels)
        let (across, down) = header.pieces
        let planes = header.isPlanar ? header.samples : 1
        let expected = across * down * planes
        // Each piece takes at least eight bytes of tags, which limits their number by the file's
        // size.
        guard expected <= file.size / 2, let offsets = try header.directory.values(header.isTiled ? 324 : 273, limit: expected, in: file),
            offsets.count == expected
        else { throw .damaged(path: path, reason: "the TIFF's pieces are not all listed") }
        let lengths: [Int]
        if let listed = try header.directory.values(header.isTiled ? 325 : 279, limit: expected, in: file) {
            guard listed.count == expected else { throw .damaged(path: path, reason: "the TIFF's pieces are not all listed") }
            lengths = listed
        } else {
            // Old writers omit the lengths if they follow from the size.
            guard header.packing == .none, expected == 1 else { throw .damaged(path: path, reason: "the TIFF's pieces have no lengths") }
            lengths = [header.pieceRowBytes * header.piece.height]
        }
        try check(file, header, lengths)
        try checkPieces(file, header, count: expected)

        let isWide = header.bits == 16
        let total = width * height * channels
        let pieceBytes = header.pieceRowBytes * header.piece.height
        try reading { () throws(FileError) in
            // Words become bytes, indices colours, once all are there.
            try naming(path) { try Memory.ask(for: total * (isWide ? 3 : header.color == .palette ? 4 : 1) + 2 * pieceBytes) }
        }
        var bytes = [UInt8](repeating: 0, count: isWide ? 0 : total)
        var words = [UInt16](repeating: 0, count: isWide ? total : 0)
        var buffer = [UInt8](repeating: 0, count: pieceBytes)
        for plane in 0..<(header.isPlanar ? channels : 1) {
            for row in 0..<down {
                for column in 0..<across {
                    let index = (plane * down + row) * across + column
                    let rows = header.isTiled ? header.piece.height : min(header.piece.height, height - row * header.piece.height)
                    try unpack(file, header, at: offsets[index], length: lengths[index], rows: rows, into: &buffer)
                    let place = Place(header, row: row, column: column, plane: plane)
                    if isWide {
                        copyWords(buffer, header, place, into: &words)
                    } else {
                        copyBytes(buffer, header, place, into: &bytes)
                    }
                }
            }
        }
        return DecodedSamples(
            width: width, height: height, channels: channels, values: isWide ? .words(words) : .bytes(bytes),
            palette: try palette(file, header))
    }

    /// Checks that the compressed bytes can hold the size that the tags claim.
    private static func check(_ file: FileReader, _ header: TIFFHeader, _ lengths: [Int]) throws(PictureError) {
        var total = 0
        for length in lengths {
            let (sum, overflow) = total.addingReportingOverflow(length)
            // Equal pieces may share bytes, within limits.
            guard !overflow, length <= file.size, sum <= 4 * file.size + (64 << 20) else {
                throw .damaged(path: file.name, reason: "the TIFF's pieces add up to far more than the file")
            }
            total = sum
        }
        let needed = (header.width * header.samples * header.bits + 7) / 8 * header.height
        guard needed / header.packing.ratio <= total else {
            throw .damaged(
                path: file.name, reason: "\(total) bytes cannot hold the \(header.width)×\(header.height) pixels that its tags claim")
        }
    }

    /// Tiles far larger than their picture would cost more memory than it, samples beside the
    /// colours more time.
    private static func checkPieces(_ file: FileReader, _ header: TIFFHeader, count: Int) throws(PictureError) {
        let picture = (header.width * header.samples * header.bits + 7) / 8 * header.height
        let piece = header.pieceRowBytes * header.piece.height
        guard piece <= max(mostPieceBytes, 4 * picture) else {
            throw .damaged(path: file.name, reason: "the TIFF's tiles of \(piece) bytes are far larger than the picture")
        }
        guard header.packing == .none || piece <= mostUnpackedBytes / count else {
            throw .unsupported(path: file.name, reason: "a compressed TIFF of more than \(Memory.size(mostUnpackedBytes)) is not supported")
        }
    }

    /// A tile of 4096×4096 RGB pixels.
    private static let mostPieceBytes = 3 << 24
    /// Limit on the bytes of all pieces of a compressed file, unpacked.
    private static let mostUnpackedBytes = 1 << 31

    /// Unpacks one piece: `rows` rows of `pieceRowBytes` at the start of the buffer.
    private static func unpack(
        _ file: FileReader, _ header: TIFFHeader, at offset: Int, length: Int, rows: Int, into buffer: inout [UInt8]
    ) throws(PictureError) {
        let count = header.pieceRowBytes * rows
        // Reads no more than the piece can need. Otherwise pieces that all claim the whole file
        // would take quadratic time.
        let useful = header.packing == .none ? count : count + count / 2 + 4096
        var packed = try reading { () throws(FileError) in try file.bytes(at: offset, count: min(length, useful)) }
        if header.isBitReversed { for i in packed.indices { packed[i] = reversed(packed[i]) } }
        let written = packed.withUnsafeBufferPointer { packed in
            buffer.withUnsafeMutableBufferPointer { buffer in
                let room = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
                switch header.packing {
                case .none:
                    let copied = min(packed.count, count)
                    _ = room.update(fromContentsOf: packed[..<copied])
                    return copied
                case .lzw: return LZW.decode(packed, into: room)
                case .packBits: return PackBits.decode(packed, into: room)
                case .deflate, .oldDeflate: return Inflate.zlib(packed, into: room).written
                }
            }
        }
        guard written == count else {
            throw .damaged(path: file.name, reason: "a piece of its pixels is damaged or truncated: \(written) of \(count) bytes")
        }
        if header.isDifferenced {
            for row in 0..<rows { sum(&buffer, from: row * header.pieceRowBytes, header) }
        }
    }

    /// Turns differences along a row into values.
    private static func sum(_ buffer: inout [UInt8], from start: Int, _ header: TIFFHeader) {
        let step = header.pieceSamples
        let count = header.piece.width * step
        buffer.withUnsafeMutableBufferPointer { buffer in
            if header.bits == 8 {
                var i = step
                while i < count {
                    buffer[start + i] &+= buffer[start + i - step]
                    i += 1
                }
                return
            }
            let (high, low) = header.directory.isBigEndian ? (0, 1) : (1, 0)
            var i = step
            while i < count {
                let (at, before) = (start + 2 * i, start + 2 * (i - step))
                let a = UInt16(buffer[at + high]) << 8 | UInt16(buffer[at + low])
                let b = UInt16(buffer[before + high]) << 8 | UInt16(buffer[before + low])
                let value = a &+ b
                buffer[at + high] = UInt8(value >> 8)
                buffer[at + low] = UInt8(truncatingIfNeeded: value)
                i += 1
            }
        }
    }

    /// A piece's place in the picture.
    private struct Place {
        let x: Int
        let y: Int
        let columns: Int
        let rows: Int
        /// The channel that a planar piece holds; otherwise the first.
        let channel: Int
        /// Channels per pixel in the piece.
        let channels: Int

        init(_ header: TIFFHeader, row: Int, column: Int, plane: Int) {
            (x, y) = (column * header.piece.width, row * header.piece.height)
            columns = min(header.piece.width, header.width - x)
            rows = min(header.piece.height, header.height - y)
            channel = plane
            channels = header.isPlanar ? 1 : header.channels
        }
    }

    private static func copyBytes(_ buffer: [UInt8], _ header: TIFFHeader, _ place: Place, into out: inout [UInt8]) {
        let (bits, step, channels) = (header.bits, header.pieceSamples, header.channels)
        let invert: UInt8 = header.color == .whiteIsZero ? 255 : 0
        // Grey of few bits is spread over 0…255; indices are not.
        let mask = UInt8(truncatingIfNeeded: 1 << bits - 1)
        let scale: UInt8 = header.color == .palette || bits == 8 ? 1 : 255 / mask
        for row in 0..<place.rows {
            let source = row * header.pieceRowBytes
            let target = ((place.y + row) * header.width + place.x) * channels + place.channel
            for column in 0..<place.columns {
                for c in 0..<place.channels {
                    let value: UInt8
                    if bits == 8 {
                        value = buffer[source + column * step + c]
                    } else {
                        let bit = column * bits
                        value = (buffer[source + bit / 8] >> UInt8(8 - bits - bit % 8) & mask) &* scale
                    }
                    out[target + column * channels + c] = value ^ invert
                }
            }
        }
    }

    private static func copyWords(_ buffer: [UInt8], _ header: TIFFHeader, _ place: Place, into out: inout [UInt16]) {
        let (step, channels) = (header.pieceSamples, header.channels)
        let invert: UInt16 = header.color == .whiteIsZero ? 0xFFFF : 0
        let (high, low) = header.directory.isBigEndian ? (0, 1) : (1, 0)
        for row in 0..<place.rows {
            let source = row * header.pieceRowBytes
            let target = ((place.y + row) * header.width + place.x) * channels + place.channel
            for column in 0..<place.columns {
                for c in 0..<place.channels {
                    let at = source + 2 * (column * step + c)
                    out[target + column * channels + c] = (UInt16(buffer[at + high]) << 8 | UInt16(buffer[at + low])) ^ invert
                }
            }
        }
    }

    /// The high bytes of the palette; the file lists all reds, then all greens, then all blues.
    private static func palette(_ file: FileReader, _ header: TIFFHeader) throws(PictureError) -> [UInt8]? {
        guard header.color == .palette else { return nil }
        let count = 1 << header.bits
        guard let values = try header.directory.values(320, limit: 3 * count, in: file), values.count == 3 * count else {
            throw .damaged(path: file.name, reason: "the TIFF's palette is missing")
        }
        // Some writers store bytes instead of words.
        let isNarrow = values.allSatisfy { $0 < 256 }
        return (0..<count).flatMap { i in (0..<3).map { UInt8(truncatingIfNeeded: values[$0 * count + i] >> (isNarrow ? 0 : 8)) } }
    }

    private static func reversed(_ byte: UInt8) -> UInt8 {
        var (value, result) = (byte, UInt8(0))
        for _ in 0..<8 {
            result = result << 1 | value & 1
            value >>= 1
        }
        return result
    }
}
