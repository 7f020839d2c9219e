/// Collections and aliases as keys of a mapping, which no file of ours has. Yams compares equal keys
/// in time that doubles with each level inside them, so they are refused before it parses.
enum CompoundKeys {
    /// The line, from 1, of the first such key; nil if there is none.
    ///
    /// Text that looks like one counts as well, if it stands where a key could begin.
    static func line(of text: String) -> Int? {
        let bytes = Array(text.utf8)
        var line = 1
        // True for an opening bracket that may begin a key.
        var openers: [Bool] = []
        // The last byte of the line that is no blank, and the first one of its word.
        var last: UInt8?, first: UInt8?
        var isInWord = false
        for (place, byte) in bytes.enumerated() {
            guard !isSpace(byte) else {
                isInWord = false
                if byte == UInt8(ascii: "\n") { (line, last) = (line + 1, nil) }
                continue
            }
            let mayBegin = last.map { "-?,:{[".utf8.contains($0) || first == UInt8(ascii: "&") || first == UInt8(ascii: "!") } ?? true
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): openers.append(mayBegin)
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if openers.popLast() ?? true, isColon(bytes, after: place + 1) { return line }
            case UInt8(ascii: "?"):
                if mayBegin, place + 1 == bytes.count || isSpace(bytes[place + 1]) { return line }
            case UInt8(ascii: "*"):
                let name = bytes[place...].prefix(longestName).prefix { !isSpace($0) && $0 != UInt8(ascii: ":") }
                if mayBegin, isColon(bytes, after: name.endIndex) { return line }
            default: break
            }
            if !isInWord { (first, isInWord) = (byte, true) }
            last = byte
        }
        return nil
    }

    private static let longestName = 100

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func isColon(_ bytes: [UInt8], after start: Int) -> Bool {
        bytes[start...].prefix(longestName).first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: ":")
    }
}
