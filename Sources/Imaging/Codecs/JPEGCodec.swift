import CTurboJPEG
import Files

enum JPEGCodec {
    /// Grey or RGB; always RGB if requested. CMYK and YCCK become RGB as in Pillow.
    static func decode(_ data: [UInt8], _ header: JPEGHeader, rgb: Bool, path: String) throws(PictureError) -> Picture {
        try check(data, header, path: path)
        switch header.components {
        case 1 where !rgb:
            let pixels = try samples(data, header, format: TJPF_GRAY, channels: 1, path: path)
            return Picture(width: header.width, height: header.height, channels: 1, pixels: pixels)
        case 4:
            let inks = try samples(data, header, format: TJPF_CMYK, channels: 4, path: path)
            return Picture(width: header.width, height: header.height, channels: 3, pixels: mix(inks))
        default:
            let pixels = try samples(data, header, format: TJPF_RGB, channels: 3, path: path)
            return Picture(width: header.width, height: header.height, channels: 3, pixels: pixels)
        }
    }

    static func encode(_ picture: Picture, path: String, quality: Int = 95) throws(PictureError) -> [UInt8] {
        guard picture.width <= 65535, picture.height <= 65535 else {
            throw .unwritable(path: path, reason: "a JPEG is limited to 65535 pixels a side; write a PNG")
        }
        guard let codec = tjInitCompress() else { throw .unwritable(path: path, reason: "libjpeg-turbo could not start") }
        defer { tjDestroy(codec) }
        var buffer: UnsafeMutablePointer<UInt8>?
        var size: UInt = 0
        let grey = picture.channels == 1
        let status = tjCompress2(
            codec, picture.pixels, Int32(picture.width), 0, Int32(picture.height), (grey ? TJPF_GRAY : TJPF_RGB).rawValueInt32, &buffer,
            &size,
            (grey ? TJSAMP_GRAY : TJSAMP_444).rawValueInt32, Int32(quality), TJFLAG_ACCURATEDCT)
        defer { tjFree(buffer) }
        guard status == 0, let buffer else { throw .unwritable(path: path, reason: String(cString: tjGetErrorStr2(codec))) }
        return [UInt8](UnsafeBufferPointer(start: buffer, count: Int(size)))
    }

    /// Limits on scans, and on millions of pixels times scans: each scan visits every pixel.
    private static let (mostScans, mostWork) = (100, 8_000)

    /// libjpeg pads a truncated picture and performs as many scans as a file has. Reject both
    /// before decoding.
    private static func check(_ data: [UInt8], _ header: JPEGHeader, path: String) throws(PictureError) {
        // With arithmetic coding a flat area may take no bytes, so truncation cannot be detected.
        guard header.isHuffman else {
            throw .unsupported(path: path, reason: "JPEGs with arithmetic coding are not supported")
        }
        let (scans, coded, isComplete) = data.withUnsafeBufferPointer { scanMarkers($0, from: header.firstScan) }
        // Every block takes at least one bit, and the 18 blocks of a unit cover at most 1024
        // pixels.
        guard header.width * header.height / 512 <= coded else {
            throw .damaged(
                path: path, reason: "\(coded) coded bytes cannot hold the \(header.width)×\(header.height) pixels that its header claims")
        }
        guard isComplete else { throw .damaged(path: path, reason: "the JPEG is truncated: its end marker is missing") }
        guard scans <= mostScans, scans * (header.width * header.height / 1_000_000) <= mostWork else {
            throw .unsupported(path: path, reason: "a JPEG of \(header.width)×\(header.height) pixels in \(scans) scans is not supported")
        }
    }

    /// The number of scans from the first one on, their bytes between markers, and whether there is
    /// an end marker.
    private static func scanMarkers(
        _ data: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> (scans: Int, coded: Int, isComplete: Bool) {
        var (position, scans, coded) = (start, 0, 0)
        while position + 1 < data.count {
            guard data[position] == 0xFF else {
                position += 1
                coded += 1
                continue
            }
            switch data[position + 1] {
            case 0xD9: return (scans, coded, true)
            case 0xFF: position += 1
            case 0x00, 0x01, 0xD0...0xD8:
                position += 2
                coded += 1
            default:
                if data[position + 1] == 0xDA { scans += 1 }
                guard position + 3 < data.count else { return (scans, coded, false) }
                position += 2 + max(2, Int(data[position + 2]) << 8 | Int(data[position + 3]))
            }
        }
        return (scans, coded, false)
    }

    private static func samples(
        _ data: [UInt8], _ header: JPEGHeader, format: TJPF, channels: Int, path: String
    ) throws(PictureError) -> [UInt8] {
        // Progressive pictures are collected as two-byte coefficients before they become pixels.
        // CMYK needs room for RGB as well.
        let gathered = header.isProgressive ? 2 * header.width * header.height * max(3, channels) : 0
        try reading { () throws(FileError) in
            try naming(path) { try Memory.ask(for: header.width * header.height * (channels == 4 ? 7 : channels) + gathered) }
        }
        guard let codec = tjInitDecompress() else { throw .damaged(path: path, reason: "libjpeg-turbo could not start") }
        defer { tjDestroy(codec) }
        let total = header.width * header.height * channels
        var status: Int32 = -1
        let samples = [UInt8](unsafeUninitializedCapacity: total) { out, count in
            status = tjDecompress2(
                codec, data, UInt(data.count), out.baseAddress, Int32(header.width), 0, Int32(header.height), format.rawValueInt32,
                TJFLAG_ACCURATEDCT)
            // After a failed call some rows are undefined; they never leave this function.
            count = total
        }
        if status != 0 {
            let message = String(cString: tjGetErrorStr2(codec))
            let isWarning = tjGetErrorCode(codec) == Int32(TJERR_WARNING.rawValue)
            guard isWarning, harmless.contains(where: message.contains) else { throw .damaged(path: path, reason: message) }
        }
        return samples
    }

    /// libjpeg's warnings that do not affect pixels.
    private static let harmless = ["extraneous bytes before marker", "unknown JFIF revision", "Unknown Adobe color transform"]

    /// CMYK to RGB by Pillow's integer formula. Like Pillow, takes every CMYK JPEG as inverted,
    /// which is how Adobe writes it.
    private static func mix(_ inks: [UInt8]) -> [UInt8] {
        let total = inks.count / 4
        return [UInt8](unsafeUninitializedCapacity: total * 3) { out, count in
            for i in 0..<total {
                let light = Int(inks[4 * i + 3])
                for c in 0..<3 {
                    let product = (255 - Int(inks[4 * i + c])) * light + 128
                    out[3 * i + c] = UInt8(max(0, light - ((product >> 8) + product) >> 8))
                }
            }
            count = total * 3
        }
    }
}

extension RawRepresentable where RawValue: BinaryInteger {
    /// C enumerations are unsigned on some platforms and signed on others; turbojpeg's functions
    /// take `int`.
    fileprivate var rawValueInt32: Int32 { Int32(rawValue) }
}
