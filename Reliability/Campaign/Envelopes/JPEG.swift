extension Envelope {
    /// A JPEG: a part per segment, with its length corrected. Entropy-coded data is a part of its
    /// own after each scan's header.
    static let jpeg = Envelope(
        open: { bytes in
            guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
            var (parts, at) = ([Part](), 2)
            while let marker = bytes.piece(at, 2), marker[0] == 0xFF, marker[1] != 0xD9,
                let length = bytes.number(at: at + 2, 2, bigEndian: true),
                let data = bytes.piece(at + 4, max(0, length - 2))
            {
                parts.append(Part(label: marker, bytes: data))
                at += 2 + max(2, length)
                guard marker[1] == 0xDA else { continue }
                let start = at
                while let next = bytes.piece(at, 2), next[0] != 0xFF || next[1] == 0 || (0xD0...0xD7).contains(next[1]) { at += 1 }
                parts.append(Part(label: [], bytes: bytes.piece(start, at - start) ?? []))
            }
            return parts
        },
        seal: { parts in
            parts.reduce(into: [0xFF, 0xD8]) { file, part in
                if !part.label.isEmpty {
                    file += part.label
                    file.append(number: part.bytes.count + 2, 2, bigEndian: true)
                }
                file += part.bytes
            } + [0xFF, 0xD9]
        })
}
