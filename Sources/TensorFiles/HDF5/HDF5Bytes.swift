import Files

/// Reads little-endian fields one after the other; reading past the end is an error.
struct HDF5Bytes {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func skip(_ count: Int) throws {
        guard count >= 0, count <= remaining else { throw Self.tooShort }
        position += count
    }

    mutating func take(_ count: Int) throws -> [UInt8] {
        let start = position
        try skip(count)
        return Array(bytes[start..<position])
    }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws -> Value {
        let start = position
        try skip(MemoryLayout<Value>.size)
        return bytes.littleEndian(at: start)
    }

    mutating func byte() throws -> Int { Int(try integer(UInt8.self)) }
    mutating func short() throws -> Int { Int(try integer(UInt16.self)) }
    mutating func word() throws -> Int { Int(try integer(UInt32.self)) }

    /// An eight-byte length, clamped to Swift's integers.
    mutating func length() throws -> Int { Int(clamping: try integer(UInt64.self)) }

    /// An eight-byte address; nil for the format's "undefined".
    mutating func address() throws -> Int? {
        let value: UInt64 = try integer()
        return value == .max ? nil : Int(clamping: value)
    }

    /// True if the next bytes are this signature; does not consume them.
    func begins(_ signature: String) throws -> Bool {
        guard remaining >= 4 else { throw Self.tooShort }
        return bytes[position..<(position + 4)].elementsEqual(signature.utf8)
    }

    mutating func expect(_ signature: String) throws {
        guard try take(4) == Array(signature.utf8) else {
            throw Fault(.corrupt, "damaged: a block '\(signature)' is not where it should be")
        }
    }

    private static let tooShort = Fault(.corrupt, "damaged: a block ends before its fields")
}
