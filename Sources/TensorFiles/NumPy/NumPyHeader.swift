import Files

/// The header of a `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
struct NumPyHeader {
    var elementType: ElementType
    var isBigEndian: Bool
    var isFortranOrder: Bool
    var shape: [Int]
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// NumPy writes well under 10 kB. A longer header cannot belong to a plain array.
    static let maximumLength = 1 << 16

    /// True if the length takes four bytes, judged by the first ten; then the fixed part has
    /// twelve.
    static func isLong(_ head: [UInt8]) -> Bool { head.starts(with: magic) && head[6] > 1 }

    /// The bytes of the fixed part and of the text, from the first twelve bytes (ten for version
    /// 1).
    static func lengths(_ head: [UInt8]) throws -> (prefix: Int, text: Int) {
        guard head.count >= 10 else {
            guard head.starts(with: magic.prefix(head.count)) else { throw notNumPy }
            throw Fault(.truncated, "truncated: the .npy header has \(head.count) of at least 10 bytes")
        }
        guard head.starts(with: magic) else { throw notNumPy }
        guard (1...3).contains(head[6]) else {
            throw Fault(.unsupported, "is .npy version \(head[6]).\(head[7]), not 1 to 3")
        }
        if head[6] == 1 { return (10, Int(head.littleEndian(at: 8, as: UInt16.self))) }
        guard head.count >= 12 else { throw Fault(.truncated, "truncated: the .npy header has \(head.count) of at least 12 bytes") }
        return (12, Int(head.littleEndian(at: 8, as: UInt32.self)))
    }

    private static var notNumPy: Fault { Fault(.wrongFormat, "is not a .npy file (its magic number is missing)") }

    init(text: [UInt8]) throws {
        var parser = NumPyHeaderParser(text)
        let fields = try parser.dictionary()
        guard case .string(let descriptor)? = fields["descr"] else {
            if case .other? = fields["descr"] {
                throw Fault(.unsupported, "holds records with named fields", remedy: "save each field as an array of its own")
            }
            throw Fault(.corrupt, "the .npy header has no 'descr'")
        }
        guard case .bool(let fortran)? = fields["fortran_order"] else { throw Fault(.corrupt, "the .npy header has no 'fortran_order'") }
        guard case .tuple(let shape)? = fields["shape"] else { throw Fault(.corrupt, "the .npy header has no 'shape'") }
        guard shape.count <= 64 else { throw Fault(.unsupported, "has \(shape.count) axes, more than 64") }
        (elementType, isBigEndian) = try NumPyHeader.elementType(descriptor)
        isFortranOrder = fortran
        self.shape = shape
    }

    private static let codes: [String: ElementType] = [
        "f8": .float64, "f4": .float32, "f2": .float16, "i8": .int64, "i4": .int32, "i2": .int16, "i1": .int8,
        "u8": .uint64, "u4": .uint32, "u2": .uint16, "u1": .uint8, "b1": .bool,
    ]

    private static func elementType(_ descriptor: String) throws -> (ElementType, Bool) {
        let order = descriptor.first.flatMap { "<>|=".contains($0) ? $0 : nil }
        let code = order == nil ? descriptor : String(descriptor.dropFirst())
        if code.hasPrefix("O") {
            throw Fault(.unsupported, "holds Python objects, which are never loaded", remedy: "save plain numbers")
        }
        guard let type = codes[code] else {
            throw Fault(
                .unsupported, "holds elements of type '\(descriptor.printable())'", remedy: "convert it to float32 or an integer type")
        }
        return (type, order == ">")
    }

    /// The descriptor of a type; nil for bfloat16, which NumPy lacks.
    static func descriptor(_ type: ElementType) -> String? {
        guard let code = codes.first(where: { $0.value == type })?.key else { return nil }
        return (type.byteCount == 1 ? "|" : "<") + code
    }
}

/// Parses only the Python literals that occur in `.npy` headers.
private struct NumPyHeaderParser {
    enum Value {
        case string(String), bool(Bool), tuple([Int])
        /// The valid start of something else, such as a list of fields.
        case other
    }

    private let text: [UInt8]
    private var at = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func dictionary() throws -> [String: Value] {
        var fields: [String: Value] = [:]
        try expect("{")
        while !accept("}") {
            let key = try string()
            try expect(":")
            guard fields[key] == nil else { throw Fault(.corrupt, "the .npy header has '\(key.printable())' twice") }
            let value = try value()
            fields[key] = value
            // The rest is not understood and not needed: the caller rejects such a file.
            if case .other = value { return fields }
            if !accept(",") {
                try expect("}")
                break
            }
        }
        skipSpace()
        guard at == text.count || text[at...].allSatisfy({ $0 == 0 }) else { throw malformed }
        return fields
    }

    private mutating func value() throws -> Value {
        skipSpace()
        guard at < text.count else { throw malformed }
        switch text[at] {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "("): return .tuple(try tuple())
        case UInt8(ascii: "["): return .other
        case UInt8(ascii: "T"):
            try expect("True")
            return .bool(true)
        case UInt8(ascii: "F"):
            try expect("False")
            return .bool(false)
        default: throw malformed
        }
    }

    private mutating func string() throws -> String {
        skipSpace()
        guard at < text.count, text[at] == UInt8(ascii: "'") || text[at] == UInt8(ascii: "\"") else { throw malformed }
        let quote = text[at]
        guard let end = text[(at + 1)...].firstIndex(of: quote) else { throw malformed }
        defer { at = end + 1 }
        return String(decoding: text[(at + 1)..<end], as: UTF8.self)
    }

    private mutating func tuple() throws -> [Int] {
        var lengths: [Int] = []
        try expect("(")
        while !accept(")") {
            lengths.append(try length())
            if !accept(",") {
                try expect(")")
                break
            }
        }
        return lengths
    }

    private mutating func length() throws -> Int {
        skipSpace()
        let start = at
        var value = 0
        while at < text.count, let digit = Int(exactly: text[at]).map({ $0 - 48 }), (0...9).contains(digit) {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(digit)
            guard !overflow, !carry else { throw Fault(.corrupt, "the .npy header has a length that is out of range") }
            value = sum
            at += 1
        }
        guard at > start else {
            if at < text.count, text[at] == UInt8(ascii: "-") { throw Fault(.corrupt, "the .npy header has a negative length") }
            throw malformed
        }
        // Python 2 wrote long integers as 3L.
        if at < text.count, text[at] == UInt8(ascii: "L") { at += 1 }
        return value
    }

    private mutating func accept(_ token: String) -> Bool {
        skipSpace()
        let bytes = Array(token.utf8)
        guard text.count - at >= bytes.count, text[at..<(at + bytes.count)].elementsEqual(bytes) else { return false }
        at += bytes.count
        return true
    }

    private mutating func expect(_ token: String) throws {
        guard accept(token) else { throw malformed }
    }

    private mutating func skipSpace() {
        while at < text.count, text[at] == 0x20 || (0x09...0x0D).contains(text[at]) { at += 1 }
    }

    private var malformed: Fault { Fault(.corrupt, "the .npy header cannot be understood at byte \(at)") }
}
