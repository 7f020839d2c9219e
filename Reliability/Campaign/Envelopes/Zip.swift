extension Envelope {
    /// A zip archive: a part per member. Members whose label ends in a slash are packed again with
    /// DEFLATE; no file's name ends so.
    static func zip(_ inner: @escaping @Sendable (Part) -> Envelope? = { _ in nil }) -> Envelope {
        Envelope(open: Zip.open, seal: Zip.seal, inner: inner)
    }
}

enum Zip {
    static let packedMark = UInt8(ascii: "/")

    /// The members that the directory at the end lists, with their names.
    @Sendable static func open(_ bytes: [UInt8]) -> [Envelope.Part]? {
        guard bytes.count >= 22, let end = (0...(bytes.count - 22)).last(where: { bytes.number(at: $0, 4) == 0x0605_4B50 }),
            var at = bytes.number(at: end + 16, 4), let count = bytes.number(at: end + 10, 2)
        else { return nil }
        var parts: [Envelope.Part] = []
        for _ in 0..<count {
            guard bytes.number(at: at, 4) == 0x0201_4B50, let method = bytes.number(at: at + 10, 2),
                let packed = bytes.number(at: at + 20, 4),
                let nameLength = bytes.number(at: at + 28, 2), let extra = bytes.number(at: at + 30, 2),
                let comment = bytes.number(at: at + 32, 2),
                let local = bytes.number(at: at + 42, 4), let name = bytes.piece(at + 46, nameLength),
                let localName = bytes.number(at: local + 26, 2), let localExtra = bytes.number(at: local + 28, 2),
                let data = bytes.piece(local + 30 + localName + localExtra, packed)
            else { return nil }
            parts.append(
                Envelope.Part(label: method == 8 ? name + [packedMark] : name, bytes: method == 8 ? Deflate.unpack(data, .raw) : data))
            at += 46 + nameLength + extra + comment
        }
        return parts
    }

    @Sendable static func seal(_ parts: [Envelope.Part]) -> [UInt8] {
        var (file, directory) = ([UInt8](), [UInt8]())
        for part in parts {
            let isPacked = part.label.last == packedMark
            let name = isPacked ? part.label.dropLast() : part.label[...]
            let data = isPacked ? Deflate.pack(part.bytes, .raw) : part.bytes
            let start = file.count
            var common: [UInt8] = []
            for (value, width) in [
                (20, 2), (0, 2), (isPacked ? 8 : 0, 2), (0, 2), (0x21, 2), (Deflate.crc32(part.bytes), 4), (data.count, 4),
                (part.bytes.count, 4),
                (name.count, 2), (0, 2),
            ] { common.append(number: value, width) }
            file.append(number: 0x0403_4B50, 4)
            file += common + name + data
            directory.append(number: 0x0201_4B50, 4)
            directory.append(number: 20, 2)
            directory += common
            for (value, width) in [(0, 2), (0, 2), (0, 2), (0, 4), (start, 4)] { directory.append(number: value, width) }
            directory += name
        }
        let start = file.count
        file += directory
        file.append(number: 0x0605_4B50, 4)
        for (value, width) in [(0, 2), (0, 2), (parts.count, 2), (parts.count, 2), (directory.count, 4), (start, 4), (0, 2)] {
            file.append(number: value, width)
        }
        return file
    }
}
