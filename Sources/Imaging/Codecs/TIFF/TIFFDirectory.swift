import Files

/// The tags of one picture in a TIFF or BigTIFF file.
struct TIFFDirectory: Equatable {
    struct Entry: Equatable {
        let type: Int
        let count: Int
        /// The values' offset in the file.
        let offset: Int
    }

    let isBigEndian: Bool
    let isBig: Bool
    private let entries: [Int: Entry]

    private static let widths: [Int: Int] = [1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8]
    /// Limit on directories to search for pictures.
    private static let mostDirectories = 4096

    /// Reads the tags of the first picture that is not a reduced version of another. A file with
    /// several pictures is an error: which one is meant cannot be guessed.
    static func first(of file: FileReader) throws(PictureError) -> TIFFDirectory {
        let path = file.name
        let head = try bytes(file, at: 0, count: 16)
        guard head.count >= 8 else { throw .damaged(path: path, reason: "the file ends after \(head.count) bytes") }
        let isBigEndian = head[0] == 0x4D
        let numbers = Numbers(isBigEndian: isBigEndian)
        let isBig = numbers.value(head, at: 2, bytes: 2) == 43
        guard !isBig || head.count >= 16 else { throw .damaged(path: path, reason: "the file ends after \(head.count) bytes") }
        var next = isBig ? numbers.value(head, at: 8, bytes: 8) : numbers.value(head, at: 4, bytes: 4)
        var found: TIFFDirectory?
        var visited: Set<Int> = []
        while next != 0 {
            guard visited.count < mostDirectories, visited.insert(next).inserted else {
                throw .damaged(path: path, reason: "the TIFF's list of pictures is endless")
            }
            let (directory, following) = try read(file, at: next, numbers, isBig: isBig)
            // Bit 0: a reduced version; bit 2: a transparency mask.
            let kind = try directory.value(254, in: file) ?? 0
            if kind & 0b101 == 0 {
                if found != nil {
                    throw .unsupported(path: path, reason: "a TIFF with several pictures is not supported: save each to its own file")
                }
                found = directory
            }
            next = following
        }
        guard let found else { throw .damaged(path: path, reason: "the TIFF contains no picture") }
        return found
    }

    private static func read(
        _ file: FileReader, at offset: Int, _ numbers: Numbers, isBig: Bool
    ) throws(PictureError) -> (TIFFDirectory, next: Int) {
        let cutOff = PictureError.damaged(path: file.name, reason: "the TIFF's directory is truncated")
        let (countBytes, entryBytes, linkBytes) = isBig ? (8, 20, 8) : (2, 12, 4)
        let head = try bytes(file, at: offset, count: countBytes)
        guard head.count == countBytes else { throw cutOff }
        let count = numbers.value(head, at: 0, bytes: countBytes)
        guard count <= 4096 else { throw .damaged(path: file.name, reason: "the TIFF's directory claims \(count) entries") }
        let table = try bytes(file, at: offset + countBytes, count: count * entryBytes + linkBytes)
        guard table.count >= count * entryBytes else { throw cutOff }
        var entries: [Int: Entry] = [:]
        for i in 0..<count {
            let at = i * entryBytes
            let (tag, type) = (numbers.value(table, at: at, bytes: 2), numbers.value(table, at: at + 2, bytes: 2))
            let length = numbers.value(table, at: at + 4, bytes: isBig ? 8 : 4)
            guard let width = widths[type] else { continue }
            let room = isBig ? 8 : 4
            let valuesAt = at + 4 + room
            let isInline = length <= room / width
            let place = isInline ? offset + countBytes + valuesAt : numbers.value(table, at: valuesAt, bytes: room)
            entries[tag] = Entry(type: type, count: length, offset: place)
        }
        // A file that ends here may lack the link to the next directory.
        let hasLink = table.count == count * entryBytes + linkBytes
        let next = hasLink ? numbers.value(table, at: count * entryBytes, bytes: linkBytes) : 0
        return (TIFFDirectory(isBigEndian: numbers.isBigEndian, isBig: isBig, entries: entries), next)
    }

    /// The number of a tag's values; nil without the tag.
    func count(_ tag: Int) -> Int? { entries[tag]?.count }

    /// A tag's only or first value.
    func value(_ tag: Int, in file: FileReader) throws(PictureError) -> Int? {
        guard let entry = entries[tag], entry.count > 0 else { return nil }
        return try values(entry, limit: 1, in: file).first
    }

    /// A tag's values, at most `limit`; nil without the tag.
    func values(_ tag: Int, limit: Int, in file: FileReader) throws(PictureError) -> [Int]? {
        guard let entry = entries[tag] else { return nil }
        guard entry.count <= limit else {
            throw .damaged(path: file.name, reason: "the TIFF's tag \(tag) has \(entry.count) values instead of \(limit)")
        }
        return try values(entry, limit: entry.count, in: file)
    }

    private func values(_ entry: Entry, limit: Int, in file: FileReader) throws(PictureError) -> [Int] {
        let width = Self.widths[entry.type] ?? 1
        let raw = try Self.bytes(file, at: entry.offset, count: limit * width)
        guard raw.count == limit * width else { throw .damaged(path: file.name, reason: "the TIFF's tags lie beyond its end") }
        let numbers = Numbers(isBigEndian: isBigEndian)
        return (0..<limit).map { numbers.value(raw, at: $0 * width, bytes: width) }
    }

    private static func bytes(_ file: FileReader, at offset: Int, count: Int) throws(PictureError) -> [UInt8] {
        try reading { () throws(FileError) in try file.bytes(at: offset, count: count) }
    }

    /// Unsigned numbers in the file's byte order, clamped to Swift's integers.
    struct Numbers {
        let isBigEndian: Bool

        func value(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> Int {
            var value: UInt64 = 0
            for i in 0..<count { value = value << 8 | UInt64(bytes[offset + (isBigEndian ? i : count - 1 - i)]) }
            return Int(clamping: value)
        }
    }
}
