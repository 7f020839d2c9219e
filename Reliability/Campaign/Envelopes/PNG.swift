extension Envelope {
    /// A PNG: a part per chunk, with its checksum corrected. The unpacked pixels are one part.
    static let png = Envelope(
        open: { bytes in
            guard bytes.starts(with: signature) else { return nil }
            var (parts, at, pixels) = ([Part](), 8, [UInt8]())
            while let length = bytes.number(at: at, 4, bigEndian: true), let type = bytes.piece(at + 4, 4) {
                guard let data = bytes.piece(at + 8, length) else { break }
                if type == pixelData {
                    if pixels.isEmpty { parts.append(Part(label: type, bytes: [])) }
                    pixels += data
                } else {
                    parts.append(Part(label: type, bytes: data))
                }
                at += 12 + length
            }
            if let place = parts.firstIndex(where: { $0.label == pixelData }) { parts[place].bytes = Deflate.unpack(pixels, .zlib) }
            return parts
        },
        seal: { parts in
            parts.reduce(into: signature) { file, part in
                let data = part.label == pixelData ? Deflate.pack(part.bytes, .zlib) : part.bytes
                let label = Array((part.label + [0, 0, 0, 0]).prefix(4))
                file.append(number: data.count, 4, bigEndian: true)
                file += label + data
                file.append(number: Deflate.crc32(label + data), 4, bigEndian: true)
            }
        })

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    private static let pixelData = Array("IDAT".utf8)
}
