/// Attributes to be written to a file: explicit, little-endian, each value padded to an even
/// length.
struct DataSetBuilder {
    private var elements: [Tag: (representation: String, bytes: [UInt8])] = [:]

    init() {}

    subscript(_ tag: Tag) -> [UInt8]? { elements[tag]?.bytes }

    private static let longForms: Set<String> = ["OB", "OW", "SQ", "UN", "UT", "UC", "OF", "OD", "OL"]

    /// A text; several values are separated by backslashes.
    mutating func text(_ tag: Tag, _ representation: String, _ value: String) {
        bytes(tag, representation, Array(value.utf8))
    }

    mutating func bytes(_ tag: Tag, _ representation: String, _ value: [UInt8]) {
        var value = value
        if !value.count.isMultiple(of: 2) { value.append(["UI", "OB", "UN"].contains(representation) ? 0 : 0x20) }
        elements[tag] = (representation, value)
    }

    mutating func shorts(_ tag: Tag, _ values: [Int]) {
        bytes(tag, "US", values.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8 & 0xFF)] })
    }

    mutating func longs(_ tag: Tag, _ values: [Int]) {
        bytes(tag, "UL", values.flatMap { value in (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) } })
    }

    mutating func pointer(_ tag: Tag, _ value: Tag) {
        bytes(tag, "AT", [value.group, value.element].flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    }

    mutating func decimals(_ tag: Tag, _ values: [Double]) {
        text(tag, "DS", values.map(Self.decimal).joined(separator: "\\"))
    }

    mutating func sequence(_ tag: Tag, _ items: [DataSetBuilder]) {
        var content: [UInt8] = []
        for item in items {
            let bytes = item.encoded()
            content += [0xFE, 0xFF, 0x00, 0xE0] + Self.length(bytes.count)
            content += bytes
        }
        elements[tag] = ("SQ", content)
    }

    /// An attribute copied from its source, or an empty one.
    mutating func copy(_ tag: Tag, _ representation: String, from source: DataSet) {
        bytes(tag, representation, source.bytes(tag) ?? [])
    }

    func encoded() -> [UInt8] {
        var result: [UInt8] = []
        for tag in elements.keys.sorted() {
            guard let (representation, value) = elements[tag] else { continue }
            for number in [tag.group, tag.element] { result += [UInt8(number & 0xFF), UInt8(number >> 8)] }
            result += Array(representation.utf8)
            if Self.longForms.contains(representation) {
                result += [0, 0]
                result += Self.length(value.count)
            } else {
                result += [UInt8(value.count & 0xFF), UInt8(value.count >> 8 & 0xFF)]
            }
            result += value
        }
        return result
    }

    private static func length(_ count: Int) -> [UInt8] { (0..<4).map { UInt8(count >> (8 * $0) & 0xFF) } }

    /// A number in the sixteen characters that DICOM allows.
    static func decimal(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return "0" }
        if let whole = Int(exactly: value), whole.magnitude < 1_000_000_000_000_000 { return String(whole) }
        let exact = "\(value)"
        if exact.count <= 16 { return exact }
        var scale = 1e13
        while scale >= 1 {
            let text = "\((value * scale).rounded() / scale)"
            if text.count <= 16, text != "0.0", text != "-0.0" { return text }
            scale /= 10
        }
        return "\(Float(value))"
    }
}

/// A complete file: the head, then the attributes.
enum DICOMWriter {
    /// A UID from a random number (PS3.5, annex B.2).
    static func uid() -> String { "2.25.\(UInt128.random(in: (1 << 100)...(UInt128.max >> 1)))" }

    private static let implementation = "2.25.302874921847362910583746291057463829105"

    static func file(_ set: DataSetBuilder, sopClass: String, sopInstance: String) -> [UInt8] {
        var meta = DataSetBuilder()
        meta.bytes(Tag(2, 1), "OB", [0, 1])
        meta.text(.mediaStorageClass, "UI", sopClass)
        meta.text(.mediaStorageInstance, "UI", sopInstance)
        meta.text(.transferSyntax, "UI", "1.2.840.10008.1.2.1")
        meta.text(Tag(2, 0x12), "UI", implementation)
        meta.text(Tag(2, 0x13), "SH", "VMUNET")
        let head = meta.encoded()
        var length = DataSetBuilder()
        length.longs(Tag(2, 0), [head.count])
        return [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + length.encoded() + head + set.encoded()
    }
}
