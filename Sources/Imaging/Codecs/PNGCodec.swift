import CPNGCodec
import Files

enum PNGCodec {
    /// 8-bit grey or RGB; always RGB if requested.
    static func decode(_ data: [UInt8], _ header: PNGHeader, rgb: Bool, path: String) throws(PictureError) -> Picture {
        let channels = rgb || header.isColor ? 3 : 1
        let pixels = try samples(data, header, layout: rgb ? CPNG_RGB : CPNG_COLOR, rowBytes: header.width * channels, path: path)
        return Picture(width: header.width, height: header.height, channels: channels, pixels: pixels)
    }

    /// Values as stored: grey, indices or colours, with all sixteen bits if there are.
    static func decodeRaw(_ data: [UInt8], _ header: PNGHeader, path: String) throws(PictureError) -> DecodedSamples {
        let (width, height) = (header.width, header.height)
        let channels = header.color == .rgb || header.color == .rgba ? 3 : 1
        let isWide = header.bits == 16
        let values = try samples(data, header, layout: CPNG_RAW, rowBytes: width * channels * (isWide ? 2 : 1), path: path)
        let words: [UInt16] = isWide ? values.withUnsafeBytes { [UInt16]($0.bindMemory(to: UInt16.self)) } : []
        return DecodedSamples(
            width: width, height: height, channels: channels, values: isWide ? .words(words) : .bytes(values), palette: nil)
    }

    /// The alpha channel, or a palette's transparency; nil if the file has neither.
    static func decodeAlpha(_ data: [UInt8], _ header: PNGHeader, path: String) throws(PictureError) -> Picture? {
        var rgba = try samples(data, header, layout: CPNG_RGBA, rowBytes: 4 * header.width, path: path)
        let count = header.width * header.height
        for i in 0..<count { rgba[i] = rgba[4 * i + 3] }
        rgba.removeLast(3 * count)
        if header.color != .greyAlpha, header.color != .rgba, rgba.allSatisfy({ $0 == 255 }) { return nil }
        return Picture(width: header.width, height: header.height, channels: 1, pixels: rgba)
    }

    private static func samples(
        _ data: [UInt8], _ header: PNGHeader, layout: cpng_layout, rowBytes: Int, path: String
    ) throws(PictureError) -> [UInt8] {
        // Deflate shrinks data at most 1032-fold. Reject a small file that claims a huge picture
        // before allocating memory.
        guard header.inflatedBytes / Inflate.largestRatio <= data.count else {
            throw .damaged(
                path: path, reason: "\(data.count) bytes cannot hold the \(header.width)×\(header.height) pixels that its header claims")
        }
        try reading { () throws(FileError) in try naming(path) { try Memory.ask(for: rowBytes * header.height) } }
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
