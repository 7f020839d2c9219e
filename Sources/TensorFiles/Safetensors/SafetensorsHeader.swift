import Files

/// A safetensors file's JSON header, in the file's order.
///
/// Foundation's JSON reader loses the order and accepts duplicate names. This one accepts only what
/// the format allows.
struct SafetensorsHeader {
    struct Entry {
        var name: String
        var type: String
        var shape: [Int]
        /// The offset of its bytes from the end of the header.
        var begin: Int
        var end: Int
    }

    var metadata: [String: String] = [:]
    var entries: [Entry] = []

    init() {}

    init(json: [UInt8]) throws {
        var parser = JSONHeaderParser(json)
        var names: Set<String> = []
        try parser.object { parser, name in
            guard names.insert(name).inserted else { throw Fault(.corrupt, "its header has '\(name.printable())' twice") }
            if name == "__metadata__" {
                try parser.object { parser, key in
                    guard metadata.updateValue(try parser.string(), forKey: key) == nil else {
                        throw Fault(.corrupt, "its metadata has '\(key.printable())' twice")
                    }
                }
            } else {
                entries.append(try Entry(name: name, &parser))
            }
        }
        try parser.end()
    }

    /// Metadata by name, then the tensors in order, without spaces.
    var json: [UInt8] {
        var text = "{"
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            text += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
        }
        for entry in entries {
            if text.utf8.count > 1 { text += "," }
            let shape = entry.shape.map(String.init).joined(separator: ",")
            text +=
                "\(quoted(entry.name)):{\"dtype\":\"\(entry.type)\",\"shape\":[\(shape)],\"data_offsets\":[\(entry.begin),\(entry.end)]}"
        }
        return Array((text + "}").utf8)
    }

    private func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

extension SafetensorsHeader.Entry {
    fileprivate init(name: String, _ parser: inout JSONHeaderParser) throws {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try parser.object { parser, field in
            switch field {
            case "dtype" where type == nil: type = try parser.string()
            case "shape" where shape == nil: shape = try parser.integers(limit: 64)
            case "data_offsets" where offsets == nil: offsets = try parser.integers(limit: 2)
            default: throw Fault(.corrupt, "its header has an unexpected '\(field.printable())' in '\(name.printable())'")
            }
        }
        guard let type, let shape, let offsets, offsets.count == 2 else {
            throw Fault(.corrupt, "its header lacks dtype, shape or data_offsets of '\(name.printable())'")
        }
        self.init(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }
}

/// Parses the JSON that such a header consists of: objects, strings and whole numbers.
struct JSONHeaderParser {
    private let text: [UInt8]
    private var at = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func object(_ member: (inout JSONHeaderParser, String) throws -> Void) throws {
        try expect("{")
        if accept("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while accept(",")
        try expect("}")
    }

    mutating func integers(limit: Int) throws -> [Int] {
        var values: [Int] = []
        try expect("[")
        if accept("]") { return values }
        repeat {
            guard values.count < limit else { throw malformed("a list of more than \(limit) numbers") }
            values.append(try integer())
        } while accept(",")
        try expect("]")
        return values
    }

    mutating func string() throws -> String {
        try expect("\"")
        var bytes: [UInt8] = []
        while at < text.count, text[at] != UInt8(ascii: "\"") {
            guard text[at] >= 0x20 else { throw malformed("a control character") }
            if text[at] == UInt8(ascii: "\\") {
                at += 1
                try escape(into: &bytes)
            } else {
                bytes.append(text[at])
                at += 1
            }
        }
        guard at < text.count else { throw malformed("an open string") }
        at += 1
        guard let string = String(validating: bytes, as: UTF8.self) else { throw malformed("a string that is not UTF-8") }
        return string
    }

    mutating func end() throws {
        skipSpace()
        guard at == text.count else { throw malformed("something after the end") }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws {
        guard at < text.count else { throw malformed("an open string") }
        let code = text[at]
        at += 1
        switch code {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(code)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var units = [try codeUnit()]
            // The second half of a surrogate pair.
            if 0xD800..<0xDC00 ~= units[0], at + 1 < text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") {
                at += 2
                units.append(try codeUnit())
            }
            guard let character = String(validating: units, as: UTF16.self) else { throw malformed("half a character") }
            bytes += Array(character.utf8)
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func codeUnit() throws -> UInt16 {
        guard text.count - at >= 4, text[at] != UInt8(ascii: "+"),
            let unit = UInt16(String(decoding: text[at..<(at + 4)], as: UTF8.self), radix: 16)
        else {
            throw malformed("an unknown escape")
        }
        at += 4
        return unit
    }

    private mutating func integer() throws -> Int {
        skipSpace()
        let start = at
        while at < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[at]), at - start < 20 { at += 1 }
        guard let value = Int(String(decoding: text[start..<at], as: UTF8.self)) else { throw malformed("no whole number of 0 or more") }
        return value
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard at < text.count, text[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws {
        guard accept(character) else { throw malformed("no '\(character)'") }
    }

    private mutating func skipSpace() {
        while at < text.count, text[at] == 0x20 || text[at] == 0x0A || text[at] == 0x0D || text[at] == 0x09 { at += 1 }
    }

    private func malformed(_ what: String) -> Fault { Fault(.corrupt, "its JSON header has \(what) at byte \(at)") }
}
