import Files

/// The bytes of a pickle, in memory or read from a file as needed.
struct PickleInput {
    private var bytes: [UInt8]
    private var at = 0
    /// The offset of `bytes` in the file.
    private var base: Int
    private let file: FileReader?

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        base = 0
        file = nil
    }

    init(_ file: FileReader, offset: Int) {
        bytes = []
        base = offset
        self.file = file
    }

    /// The next byte's offset.
    var position: Int { base + at }

    mutating func byte() throws -> UInt8 {
        if at == bytes.count { try need(1) }
        defer { at += 1 }
        return bytes[at]
    }

    mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        try need(count)
        defer { at += count }
        return bytes[at..<(at + count)]
    }

    mutating func littleEndian<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws -> Value {
        let size = MemoryLayout<Value>.size
        try need(size)
        defer { at += size }
        return bytes.littleEndian(at: at)
    }

    /// A length declared by the pickle. One that exceeds the file is an error before anything is
    /// allocated.
    mutating func length<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Int {
        let value = try littleEndian(type)
        guard let length = Int(exactly: value), length >= 0 else { throw PickleInput.truncated(position) }
        return length
    }

    /// The bytes up to the next line feed, which is skipped.
    mutating func line() throws -> ArraySlice<UInt8> {
        // The number of bytes already searched for a line feed.
        var searched = 0
        while true {
            if let end = bytes[(at + searched)...].firstIndex(of: 0x0A) {
                defer { at = end + 1 }
                return bytes[at..<end]
            }
            searched = bytes.count - at
            try need(searched + 1)
        }
    }

    private mutating func need(_ count: Int) throws {
        let have = bytes.count - at
        guard count > have else { return }
        let end = base + bytes.count
        guard let file, count - have <= file.size - end else { throw PickleInput.truncated(end) }
        bytes.removeFirst(at)
        base += at
        at = 0
        // Doubling keeps reading a long string or line linear.
        bytes += try file.read(at: end, count: min(file.size - end, max(count - have, bytes.count, 1 << 16)), "the pickle")
    }

    static func truncated(_ position: Int) -> Fault { Fault(.truncated, "truncated: the pickle ends at byte \(position), inside a value") }
}
