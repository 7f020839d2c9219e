import CPNGCodec

enum PNGCodec {
    /// Grey or RGB of 8 bits; RGB always if asked.
    static func decode(_ data: [UInt8], _ header: PNGHeader, rgb: Bool, path: String) throws(PictureError) -> Picture {
        let channels = rgb || header.isColor ? 3 : 1
        let pixels = try samples(data, header, layout: rgb ? CPNG_RGB : CPNG_COLOR, rowBytes: header.width * channels, path: path)
        return Picture(width: header.width, height: header.height, channels: channels, pixels: pixels)
    }

    /// Values as stored, see ``PictureFile/readLabels(_:)``.
    static func decodeLabels(_ data: [UInt8], _ header: PNGHeader, path: String) throws(PictureError) -> Picture {
        let (width, height) = (header.width, header.height)
        let channels = header.color == .rgb || header.color == .rgba ? 3 : 1
        let wide = header.bits == 16
        var values = try samples(data, header, layout: CPNG_RAW, rowBytes: width * channels * (wide ? 2 : 1), path: path)
        if wide {
            let words = values.withUnsafeBytes { [UInt16]($0.bindMemory(to: UInt16.self)) }
            if let large = words.first(where: { $0 > 255 }) {
                throw .notLabels(path: path, reason: "it holds the 16-bit value \(large), labels end at 255")
            }
            values = words.map { UInt8($0) }
        }
        return try PictureFile.labels(Picture(width: width, height: height, channels: channels, pixels: values), path: path)
    }

    /// The alpha channel, 8 bits; nil where every pixel is opaque because there is none.
    static func decodeAlpha(_ data: [UInt8], _ header: PNGHeader, path: String) throws(PictureError) -> Picture? {
        guard header.color == .greyAlpha || header.color == .rgba else { return nil }
        let (width, height) = (header.width, header.height)
        let values = try samples(data, header, layout: CPNG_RGBA, rowBytes: width * 4, path: path)
        let alpha = [UInt8](unsafeUninitializedCapacity: width * height) { out, count in
            for i in 0..<width * height { out[i] = values[4 * i + 3] }
            count = width * height
        }
        return Picture(width: width, height: height, channels: 1, pixels: alpha)
    }

    static func encode(_ picture: Picture, path: String) throws(PictureError) -> [UInt8] {
        // Photographs gain little from more effort; maps of labels gain much and cost little.
        let level: Int32 = picture.channels == 1 ? 6 : 2
        var buffer: UnsafeMutablePointer<UInt8>?
        var size = 0
        var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE_SIZE))
        let status = cpng_write(
            picture.pixels, UInt32(picture.width), UInt32(picture.height), Int32(picture.channels), level, &buffer, &size, &message)
        guard status == 0, let buffer else { throw .unwritable(path: path, reason: text(message)) }
        defer { cpng_release(buffer) }
        return [UInt8](UnsafeBufferPointer(start: buffer, count: size))
    }

    private static func samples(
        _ data: [UInt8], _ header: PNGHeader, layout: cpng_layout, rowBytes: Int, path: String
    ) throws(PictureError) -> [UInt8] {
        // Deflate shrinks at most 1032-fold: a small file that claims a huge picture is refused before memory is taken for it.
        guard header.inflatedBytes / 1032 <= data.count else {
            throw .damaged(
                path: path, reason: "\(data.count) bytes cannot hold the \(header.width)×\(header.height) pixels that its header claims")
        }
        var message = [CChar](repeating: 0, count: Int(CPNG_MESSAGE_SIZE))
        var status: Int32 = -1
        let samples = [UInt8](unsafeUninitializedCapacity: rowBytes * header.height) { out, count in
            status = cpng_read(data, data.count, layout, out.baseAddress!, rowBytes, &message)
            count = status == 0 ? rowBytes * header.height : 0
        }
        guard status == 0 else { throw .damaged(path: path, reason: text(message)) }
        return samples
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
