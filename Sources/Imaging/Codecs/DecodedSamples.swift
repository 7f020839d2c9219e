import Files

/// A picture as its file stores it, before conversion to grey, RGB or labels.
struct DecodedSamples {
    enum Values {
        case bytes([UInt8])
        /// 16-bit values.
        case words([UInt16])
    }

    var width: Int
    var height: Int
    /// 1 (grey, or indices into the palette) or 3.
    var channels: Int
    /// height · width · channels values.
    var values: Values
    /// Red, green, blue of every index; nil if the values are colours themselves.
    var palette: [UInt8]?

    /// 8-bit grey or RGB; always RGB if requested. 16-bit values keep their high byte.
    func picture(rgb: Bool) -> Picture {
        let bytes = highBytes
        if let palette {
            let pixels = [UInt8](unsafeUninitializedCapacity: bytes.count * 3) { out, count in
                for (i, index) in bytes.enumerated() {
                    // An index beyond the palette is black, as in other readers.
                    let place = 3 * Int(index)
                    let isThere = place + 2 < palette.count
                    for c in 0..<3 { out[3 * i + c] = isThere ? palette[place + c] : 0 }
                }
                count = bytes.count * 3
            }
            return Picture(width: width, height: height, channels: 3, pixels: pixels)
        }
        let picture = Picture(width: width, height: height, channels: channels, pixels: bytes)
        return rgb ? picture.rgb : picture
    }

    /// Values as labels: all bits of grey values or indices.
    func labels(path: String) throws(PictureError) -> Picture {
        let bytes: [UInt8]
        switch values {
        case .bytes(let values): bytes = values
        case .words(let words):
            if let large = words.first(where: { $0 > 255 }) {
                throw .notLabels(path: path, reason: "it holds the 16-bit value \(large); labels end at 255")
            }
            bytes = words.map { UInt8($0) }
        }
        return try PictureFile.labels(Picture(width: width, height: height, channels: channels, pixels: bytes), path: path)
    }

    /// The values of 16-bit grey beyond 255, if there are at most 16 of them, and each pixel's place
    /// among them; nil for all others.
    var fewWords: (values: [UInt16], places: Picture)? {
        guard case .words(let words) = values, channels == 1, words.contains(where: { $0 > 255 }) else { return nil }
        var found: Set<UInt16> = []
        for word in words where found.insert(word).inserted && found.count > 16 { return nil }
        let values = found.sorted()
        let places = Dictionary(uniqueKeysWithValues: values.enumerated().map { ($1, UInt8($0)) })
        return (values, Picture(width: width, height: height, channels: 1, pixels: words.map { places[$0] ?? 0 }))
    }

    /// A mask's grey values. 16-bit values stay as they are if none exceeds 255, since keeping the
    /// high byte would lose them; otherwise they are scaled to 8 bits.
    func mask() -> Picture {
        guard case .words(let words) = values else { return picture(rgb: false).grey }
        let isNarrow = words.allSatisfy { $0 <= 255 }
        let bytes = words.map { isNarrow ? UInt8($0) : UInt8((UInt32($0) * 255 + 32767) / 65535) }
        return Picture(width: width, height: height, channels: channels, pixels: bytes).grey
    }

    private var highBytes: [UInt8] {
        switch values {
        case .bytes(let bytes): bytes
        case .words(let words): words.map { UInt8($0 >> 8) }
        }
    }
}
