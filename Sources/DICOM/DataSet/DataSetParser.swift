import Files

/// Reads attributes: explicit or implicit, little- or big-endian, with sequences of any form. Depth
/// and length are bounded, whatever the file says.
struct DataSetParser {
    private var cursor: Cursor
    private let isExplicit: Bool
    private let isBigEndian: Bool
    private var elements = 0
    /// Reading ends before this attribute.
    private let end: Tag?

    private static let deepest = 16
    private static let mostElements = 1 << 20
    /// Longer values stay in the file.
    private static let largestValue = 1 << 14

    init(_ file: FileReader, at position: Int, isExplicit: Bool, isBigEndian: Bool, before end: Tag? = nil) {
        cursor = Cursor(file, at: position)
        (self.isExplicit, self.isBigEndian, self.end) = (isExplicit, isBigEndian, end)
    }

    /// The next byte to read.
    var position: Int { cursor.position }

    /// All attributes up to the end of the file.
    mutating func whole() throws -> DataSet { try dataSet(until: cursor.file.size, depth: 0, explicit: isExplicit) }

    private func number(_ bytes: some Sequence<UInt8>) -> Int {
        (isBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func tag() throws -> Tag {
        let bytes = try cursor.read(4)
        return Tag(UInt16(number(bytes[0..<2])), UInt16(number(bytes[2..<4])))
    }

    private static let undefined = 0xFFFF_FFFF

    /// Attributes up to an offset, or to the end of an item of undefined length.
    private mutating func dataSet(until end: Int?, depth: Int, explicit: Bool) throws -> DataSet {
        guard depth <= Self.deepest else { throw Fault(.limit, "has sequences inside of each other, more than \(Self.deepest) deep") }
        var set = DataSet()
        set.isBigEndian = isBigEndian
        while end.map({ cursor.position < $0 }) ?? !cursor.isAtEnd {
            // Zeros after the last attribute fill a block.
            if depth == 0, cursor.left < 8 { break }
            let start = cursor.position
            let tag = try tag()
            if tag == .itemEnd {
                try cursor.skip(4)
                break
            }
            if depth == 0, tag == Tag(0, 0) { break }
            if depth == 0, let stop = self.end, tag >= stop {
                cursor.seek(start)
                break
            }
            elements += 1
            guard elements <= Self.mostElements else { throw Fault(.limit, "has more than \(Self.mostElements) attributes") }
            let (representation, length) = try head(of: tag, explicit: explicit)
            set.elements[tag] = DataSet.Element(
                representation: representation, value: try value(tag, representation, length, depth: depth, explicit: explicit))
        }
        return set
    }

    private static let longForms: Set<String> = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]

    private mutating func head(of tag: Tag, explicit: Bool) throws -> (representation: String, length: Int) {
        guard explicit, tag.group != 0xFFFE else { return ("UN", number(try cursor.read(4))) }
        let bytes = try cursor.read(4)
        guard bytes[0..<2].allSatisfy({ (0x41...0x5A).contains($0) }) else {
            throw Fault(.corrupt, "its attribute \(tag) has no value representation")
        }
        let representation = String(decoding: bytes[0..<2], as: UTF8.self)
        return (representation, Self.longForms.contains(representation) ? number(try cursor.read(4)) : number(bytes[2..<4]))
    }

    private mutating func value(
        _ tag: Tag, _ representation: String, _ length: Int, depth: Int, explicit: Bool
    ) throws -> DataSet.Value {
        let isPixels = tag == .pixels || tag == .floatPixels || tag == .doublePixels
        if length == Self.undefined {
            if isPixels { return .fragments(try fragments()) }
            // A sequence of an unknown kind is written without representations.
            return .items(try items(until: nil, depth: depth, explicit: explicit && representation != "UN"))
        }
        guard length <= cursor.left else {
            throw Fault(.truncated, "truncated: its attribute \(tag) has \(cursor.left) of \(length) bytes")
        }
        if representation == "SQ" { return .items(try items(until: cursor.position + length, depth: depth, explicit: explicit)) }
        if representation == "UN", length >= 8, !isPixels {
            // Implicit files do not tell which attributes are sequences; the head of an item does.
            let start = cursor.position
            let isItem = try tag_(at: start) == .item
            if isItem { return .items(try items(until: start + length, depth: depth, explicit: explicit && representation != "UN")) }
        }
        guard length <= Self.largestValue, !isPixels else {
            let place = DataSet.Value.place(offset: cursor.position, count: length)
            try cursor.skip(length)
            return place
        }
        return .bytes(try cursor.read(length))
    }

    private mutating func tag_(at place: Int) throws -> Tag {
        let found = try tag()
        cursor.seek(place)
        return found
    }

    private mutating func items(until end: Int?, depth: Int, explicit: Bool) throws -> [DataSet] {
        var items: [DataSet] = []
        while end.map({ cursor.position < $0 }) ?? !cursor.isAtEnd {
            let tag = try tag()
            let length = number(try cursor.read(4))
            if tag == .sequenceEnd { break }
            guard tag == .item else { throw Fault(.corrupt, "has \(tag) where a sequence's item is expected") }
            elements += 1
            guard elements <= Self.mostElements else { throw Fault(.limit, "has more than \(Self.mostElements) attributes") }
            guard length == Self.undefined || length <= cursor.left else {
                throw Fault(.truncated, "truncated: a sequence's item has \(cursor.left) of \(length) bytes")
            }
            items.append(
                try dataSet(until: length == Self.undefined ? nil : cursor.position + length, depth: depth + 1, explicit: explicit))
        }
        return items
    }

    private mutating func fragments() throws -> [(offset: Int, count: Int)] {
        var fragments: [(Int, Int)] = []
        while true {
            let tag = try tag()
            let length = number(try cursor.read(4))
            if tag == .sequenceEnd { return fragments }
            guard tag == .item, length <= cursor.left else { throw Fault(.corrupt, "its packed pixels are cut or damaged") }
            guard fragments.count < Self.mostElements else { throw Fault(.limit, "has more than \(Self.mostElements) pieces of pixels") }
            fragments.append((cursor.position, length))
            try cursor.skip(length)
        }
    }
}
