import Files

/// Reads a file from front to back, a block at a time.
struct Cursor {
    let file: FileReader
    private(set) var position: Int
    private var block: [UInt8] = []
    private var start = 0

    init(_ file: FileReader, at position: Int) { (self.file, self.position) = (file, position) }

    var isAtEnd: Bool { position >= file.size }
    var left: Int { file.size - position }

    mutating func read(_ count: Int) throws -> [UInt8] {
        guard count >= 0, count <= left else { throw Fault(.truncated, "truncated: an attribute has \(max(0, left)) of \(count) bytes") }
        if count > 1 << 14 {
            let bytes = try file.read(at: position, count: count, "an attribute")
            position += count
            return bytes
        }
        if position < start || position + count > start + block.count {
            block = try file.bytes(at: position, count: 1 << 16)
            start = position
        }
        let bytes = Array(block[(position - start)..<(position - start + count)])
        position += count
        return bytes
    }

    mutating func skip(_ count: Int) throws {
        guard count >= 0, count <= left else { throw Fault(.truncated, "truncated: an attribute has \(max(0, left)) of \(count) bytes") }
        position += count
    }

    mutating func seek(_ position: Int) { self.position = position }
}
