import Files

/// The attributes of a DICOM file, or of an item of a sequence.
public struct DataSet: Sendable {
    /// An attribute's value.
    indirect enum Value: Sendable {
        /// Its bytes, if they are few.
        case bytes([UInt8])
        /// The place of its bytes in the file.
        case place(offset: Int, count: Int)
        /// The items of a sequence.
        case items([DataSet])
        /// The places of the fragments of compressed pixels; the first is a table of offsets.
        case fragments([(offset: Int, count: Int)])
    }

    struct Element: Sendable {
        /// Two letters; "UN" if the file does not tell.
        var representation: String
        var value: Value
    }

    var elements: [Tag: Element] = [:]
    /// True if numbers are big-endian.
    var isBigEndian = false

    init() {}

    subscript(_ tag: Tag) -> Element? { elements[tag] }

    /// The bytes of a short attribute.
    func bytes(_ tag: Tag) -> [UInt8]? {
        guard case .bytes(let bytes)? = elements[tag]?.value else { return nil }
        return bytes
    }

    /// A text without padding; nil if it is missing or empty.
    public func text(_ tag: Tag) -> String? {
        guard let bytes = bytes(tag) else { return nil }
        return Self.text(bytes)
    }

    static func text(_ bytes: [UInt8]) -> String? {
        var bytes = bytes[...]
        while let last = bytes.last, last == 0 || last == 0x20 { bytes.removeLast() }
        while bytes.first == 0x20 { bytes.removeFirst() }
        guard !bytes.isEmpty else { return nil }
        // For character sets other than UTF-8, take each byte as a letter.
        return String(validating: bytes, as: UTF8.self) ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// Binary numbers, or numbers written as text and separated by backslashes; nil if one is
    /// invalid or not finite.
    func decimals(_ tag: Tag) -> [Double]? {
        guard let element = elements[tag], let bytes = bytes(tag) else { return nil }
        let found: [Double]
        switch element.representation {
        case "FD": found = numbers(bytes, 8) { Double(bitPattern: UInt64($0)) }
        case "FL": found = numbers(bytes, 4) { Double(Float(bitPattern: UInt32(truncatingIfNeeded: $0))) }
        default:
            let parts = (Self.text(bytes) ?? "").split(separator: "\\", omittingEmptySubsequences: false)
            found = parts.map { Double(String($0.filter { $0 != " " && $0 != "\0" })) ?? .nan }
        }
        return found.isEmpty || !found.allSatisfy(\.isFinite) ? nil : found
    }

    func decimal(_ tag: Tag) -> Double? { decimals(tag)?.first }

    /// A whole number of 16 or 32 bits, or written as text.
    func integer(_ tag: Tag) -> Int? {
        guard let element = elements[tag], let bytes = bytes(tag), !bytes.isEmpty else { return nil }
        switch element.representation {
        case "IS", "DS", "LO", "SH", "CS": return Self.text(bytes)?.split(separator: "\\").first.flatMap { Int($0.filter { $0 != " " }) }
        case "SS": return integers(bytes, 2).first.map { Int(Int16(truncatingIfNeeded: $0)) }
        case "SL": return integers(bytes, 4).first.map { Int(Int32(truncatingIfNeeded: $0)) }
        case "UL", "AT": return integers(bytes, 4).first.map { Int($0) }
        case "US", "OW": return integers(bytes, 2).first.map { Int($0) }
        default:
            // Implicit files do not tell: two bytes are a number, anything else is text.
            return bytes.count == 2 ? integers(bytes, 2).first.map { Int($0) } : Self.text(bytes).flatMap { Int($0) }
        }
    }

    private func integers(_ bytes: [UInt8], _ size: Int) -> [UInt64] { numbers(bytes, size) { $0 } }

    private func numbers<Number>(_ bytes: [UInt8], _ size: Int, _ number: (UInt64) -> Number) -> [Number] {
        stride(from: 0, through: bytes.count - size, by: size).map { start in
            var value: UInt64 = 0
            for i in 0..<size { value = value << 8 | UInt64(bytes[isBigEndian ? start + i : start + size - 1 - i]) }
            return number(value)
        }
    }

    /// The items of a sequence; empty if it is missing.
    func items(_ tag: Tag) -> [DataSet] {
        guard case .items(let items)? = elements[tag]?.value else { return [] }
        return items
    }

    func first(_ tag: Tag) -> DataSet? { items(tag).first }
}
