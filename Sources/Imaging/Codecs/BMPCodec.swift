import Files

/// The header fields of a Windows or OS/2 BMP file.
struct BMPHeader: Equatable {
    enum Packing: Equatable {
        case none, runs8, runs4
        /// Colours selected by bit masks: red, green, blue.
        case fields([UInt32])
    }

    let width: Int
    let height: Int
    /// True if rows start at the top; usually they start at the bottom.
    let isTopDown: Bool
    let bits: Int
    let packing: Packing
    /// Red, green, blue of every index, for pictures of up to 8 bits.
    let palette: [UInt8]
    let dataOffset: Int

    /// Bytes from one row to the next.
    var rowBytes: Int { (width * bits + 31) / 32 * 4 }

    init(of file: FileReader) throws(PictureError) {
        let path = file.name
        let head = try reading { () throws(FileError) in try file.head(14 + 124 + 4 * 256 + 16) }
        func damaged(_ reason: String) -> PictureError { .damaged(path: path, reason: reason) }
        guard head.count >= 26 else { throw damaged("the file ends after \(head.count) bytes") }
        let size = Int(head.littleEndian(at: 14, as: UInt32.self))
        let isOld = size == 12
        guard isOld || [16, 40, 52, 56, 64, 108, 124].contains(size), head.count >= 14 + size else {
            throw damaged("the BMP header has an impossible length of \(size)")
        }
        let (columns, rows): (Int, Int) =
            isOld
            ? (Int(head.littleEndian(at: 18, as: UInt16.self)), Int(head.littleEndian(at: 20, as: UInt16.self)))
            : (Int(head.littleEndian(at: 18, as: Int32.self)), Int(head.littleEndian(at: 22, as: Int32.self)))
        guard columns > 0, rows != 0, rows != Int(Int32.min) else { throw damaged("the BMP header claims \(columns)×\(rows) pixels") }
        (width, height, isTopDown) = (columns, abs(rows), rows < 0)
        bits = Int(head.littleEndian(at: isOld ? 24 : 28, as: UInt16.self))
        guard [1, 2, 4, 8, 16, 24, 32].contains(bits) else { throw damaged("the BMP header declares \(bits) bits per pixel") }

        let code = size >= 40 ? Int(head.littleEndian(at: 30, as: UInt32.self)) : 0
        let maskCount = size == 40 ? (code == 3 ? 3 : code == 6 ? 4 : 0) : 0
        packing = try Self.packing(code, bits: bits, size: size, head, path: path)
        let dataOffset = Int(head.littleEndian(at: 10, as: UInt32.self))
        self.dataOffset = dataOffset

        let entry = isOld ? 3 : 4
        let start = 14 + size + 4 * maskCount
        var colors: [UInt8] = []
        if bits <= 8 {
            let used = size >= 40 ? Int(head.littleEndian(at: 46, as: UInt32.self)) : 0
            let count = min(used == 0 ? 1 << bits : min(used, 1 << bits), max(0, (min(dataOffset, head.count) - start) / entry))
            for i in 0..<count { colors += [head[start + entry * i + 2], head[start + entry * i + 1], head[start + entry * i]] }
            guard count > 0 else { throw damaged("the BMP's palette is missing") }
        }
        palette = colors
    }

    private static func packing(_ code: Int, bits: Int, size: Int, _ head: [UInt8], path: String) throws(PictureError) -> Packing {
        switch (code, bits) {
        case (0, 16): return .fields([0x7C00, 0x3E0, 0x1F])
        case (0, 32): return .fields([0xFF0000, 0xFF00, 0xFF])
        case (0, _): return .none
        case (1, 8): return .runs8
        case (2, 4): return .runs4
        case (3, 16), (3, 32), (6, 16), (6, 32):
            guard size != 64, head.count >= 66 else { throw .unsupported(path: path, reason: "OS/2's BMP compression is not supported") }
            let masks = (0..<3).map { head.littleEndian(at: 54 + 4 * $0, as: UInt32.self) }
            // Each mask is one run of bits, and no bit is in two masks.
            let isSound = masks.allSatisfy { mask in
                let run = mask >> UInt32(mask.trailingZeroBitCount)
                return mask != 0 && run & (run &+ 1) == 0
            }
            guard isSound, masks[0] & masks[1] == 0, masks[0] & masks[2] == 0, masks[1] & masks[2] == 0 else {
                throw .damaged(path: path, reason: "the BMP's colour masks are invalid")
            }
            return .fields(masks)
        case (4, _), (5, _): throw .unsupported(path: path, reason: "a BMP that contains a JPEG or PNG is not supported")
        default: throw .unsupported(path: path, reason: "a BMP of \(bits) bits with compression \(code) is not supported")
        }
    }
}

/// Decodes BMP pictures of all common depths.
enum BMPCodec {
    static func decode(_ data: [UInt8], _ header: BMPHeader, path: String) throws(PictureError) -> DecodedSamples {
        let (width, height) = (header.width, header.height)
        func damaged(_ reason: String) -> PictureError { .damaged(path: path, reason: reason) }
        guard header.dataOffset >= 26, header.dataOffset < data.count else { throw damaged("its pixels start beyond its end") }
        let available = data.count - header.dataOffset

        if header.bits > 8 {
            try checkRows(header, available, path)
            try reading { () throws(FileError) in try naming(path) { try Memory.ask(for: width * height * 3) } }
            return DecodedSamples(
                width: width, height: height, channels: 3, values: .bytes(colors(data, header)), palette: nil)
        }
        let isPacked = header.packing == .runs8 || header.packing == .runs4
        if isPacked {
            // Two bytes give at most 255 pixels.
            guard width * height / 128 <= available else { throw damaged("\(available) bytes cannot hold its \(width)×\(height) pixels") }
        } else {
            try checkRows(header, available, path)
        }
        try reading { () throws(FileError) in try naming(path) { try Memory.ask(for: width * height * 4) } }  // indices, then colours
        let indices = isPacked ? try runs(data, header, path: path) : unpacked(data, header)
        // An even ramp from black to white is plain grey, not a palette.
        let count = header.palette.count / 3
        let top = header.bits == 1 ? 1 : 255
        let isGrey =
            (header.bits == 8 || header.bits == 1)
            && (0..<count).allSatisfy { i in (0..<3).allSatisfy { Int(header.palette[3 * i + $0]) == i * 255 / top } }
        if isGrey {
            let values = header.bits == 1 ? indices.map { $0 == 0 ? 0 : 255 } : indices
            return DecodedSamples(width: width, height: height, channels: 1, values: .bytes(values), palette: nil)
        }
        return DecodedSamples(width: width, height: height, channels: 1, values: .bytes(indices), palette: header.palette)
    }

    private static func checkRows(_ header: BMPHeader, _ available: Int, _ path: String) throws(PictureError) {
        // The last row's padding may be missing.
        let needed = header.rowBytes * (header.height - 1) + (header.width * header.bits + 7) / 8
        guard needed <= available else {
            throw .damaged(path: path, reason: "it is cut off: \(available) of \(needed) bytes of pixels are present")
        }
    }

    /// The offset of a row of the picture in the file.
    private static func start(_ header: BMPHeader, row y: Int) -> Int {
        header.dataOffset + (header.isTopDown ? y : header.height - 1 - y) * header.rowBytes
    }

    private static func unpacked(_ data: [UInt8], _ header: BMPHeader) -> [UInt8] {
        let (width, bits) = (header.width, header.bits)
        let perByte = 8 / bits
        let mask = UInt8(truncatingIfNeeded: (1 << bits) - 1)
        return [UInt8](unsafeUninitializedCapacity: width * header.height) { out, count in
            for y in 0..<header.height {
                let row = start(header, row: y)
                for x in 0..<width {
                    out[y * width + x] = data[row + x / perByte] >> UInt8(8 - bits - x % perByte * bits) & mask
                }
            }
            count = width * header.height
        }
    }

    private static func colors(_ data: [UInt8], _ header: BMPHeader) -> [UInt8] {
        let width = header.width
        return [UInt8](unsafeUninitializedCapacity: width * header.height * 3) { out, count in
            for y in 0..<header.height {
                var from = start(header, row: y)
                var to = y * width * 3
                guard case .fields(let masks) = header.packing else {
                    for _ in 0..<width {
                        (out[to], out[to + 1], out[to + 2]) = (data[from + 2], data[from + 1], data[from])
                        from += 3
                        to += 3
                    }
                    continue
                }
                let shifts = masks.map { UInt32($0.trailingZeroBitCount) }
                let tops = zip(masks, shifts).map { UInt64($0 >> $1) }
                for _ in 0..<width {
                    let pixel =
                        header.bits == 16
                        ? UInt32(data.littleEndian(at: from, as: UInt16.self)) : data.littleEndian(at: from, as: UInt32.self)
                    for c in 0..<3 { out[to + c] = UInt8(UInt64((pixel & masks[c]) >> shifts[c]) * 255 / tops[c]) }
                    from += header.bits / 8
                    to += 3
                }
            }
            count = width * header.height * 3
        }
    }

    /// Runs of equal pixels and stretches of others; skipped pixels have index 0.
    private static func runs(_ data: [UInt8], _ header: BMPHeader, path: String) throws(PictureError) -> [UInt8] {
        let (width, height, isHalf) = (header.width, header.height, header.packing == .runs4)
        var out = [UInt8](repeating: 0, count: width * height)
        var (at, x, y) = (header.dataOffset, 0, 0)
        func put(_ value: UInt8) {
            if x < width, y < height { out[(header.isTopDown ? y : height - 1 - y) * width + x] = value }
            x += 1
        }
        runs: while at + 1 < data.count {
            let (count, value) = (Int(data[at]), data[at + 1])
            at += 2
            if count > 0 {
                guard y < height else { return out }
                for i in 0..<count { put(isHalf ? (i % 2 == 0 ? value >> 4 : value & 15) : value) }
                continue
            }
            switch value {
            case 0: (x, y) = (0, y + 1)
            case 1: return out
            case 2:
                guard at + 1 < data.count else { break runs }
                (x, y) = (x + Int(data[at]), y + Int(data[at + 1]))
                at += 2
            default:
                let length = Int(value)
                let bytes = isHalf ? (length + 1) / 2 : length
                guard at + bytes <= data.count else { break runs }
                for i in 0..<length {
                    put(isHalf ? (i % 2 == 0 ? data[at + i / 2] >> 4 : data[at + i / 2] & 15) : data[at + i])
                }
                at += bytes + bytes % 2
            }
        }
        throw .damaged(path: path, reason: "it is cut off: its runs of pixels have no end marker")
    }
}
