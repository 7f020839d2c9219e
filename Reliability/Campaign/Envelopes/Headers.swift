extension Envelope {
    /// Safetensors: a length, a header of that length, the data.
    static let safetensors = Envelope(
        open: { bytes in
            guard let length = bytes.number(at: 0, 8), let header = bytes.piece(8, length) else { return nil }
            return [Part(label: [], bytes: header), Part(label: [], bytes: Array(bytes[(8 + length)...]))]
        },
        seal: { parts in
            var file: [UInt8] = []
            file.append(number: parts.first?.bytes.count ?? 0, 8)
            return parts.reduce(into: file) { $0 += $1.bytes }
        })

    /// A NumPy array: the header, with its length corrected, then the data.
    static let numpy = Envelope(
        open: { bytes in
            guard bytes.starts(with: [0x93] + Array("NUMPY".utf8)), let version = bytes.piece(6, 2) else { return nil }
            let width = version[0] == 1 ? 2 : 4
            guard let length = bytes.number(at: 8, width), let header = bytes.piece(8 + width, length) else { return nil }
            return [Part(label: version, bytes: header), Part(label: [], bytes: Array(bytes[(8 + width + length)...]))]
        },
        seal: { parts in
            guard let header = parts.first else { return [] }
            let version = Array((header.label + [0, 0]).prefix(2))
            var file = [0x93] + Array("NUMPY".utf8) + version
            file.append(number: header.bytes.count, version[0] == 1 ? 2 : 4)
            return parts.reduce(into: file) { $0 += $1.bytes }
        })
}
