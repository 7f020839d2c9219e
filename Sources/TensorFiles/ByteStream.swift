import Files

/// Bytes read one after the other, such as those of a compressed file.
protocol ByteStream: AnyObject {
    /// Fills the buffer with the next bytes. If the source ends first, the error names them `what`.
    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws
}

/// Bytes that are decompressed while reading, so only reading tells how many there are.
protocol PackedStream: ByteStream {
    /// Skips up to `most` bytes; returns how many there were.
    func drain(_ most: Int, _ what: String) throws -> Int
}

extension ByteStream {
    /// The next `count` bytes; checks first that memory allows it.
    func read(_ count: Int, _ what: String) throws -> [UInt8] {
        try Memory.ask(for: count)
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            try fill(UnsafeMutableRawBufferPointer(buffer), what)
            initialized = count
        }
    }

    /// Skips bytes.
    func skip(_ count: Int, _ what: String) throws {
        var left = count
        while left > 0 {
            let piece = min(left, 1 << 16)
            _ = try read(piece, what)
            left -= piece
        }
    }
}

/// A file's bytes one by one, read in blocks.
struct ByteFeed {
    private let file: FileReader
    /// The place of the next block.
    private(set) var position: Int
    private var block: [UInt8] = []
    private var used = 0

    init(_ file: FileReader, from position: Int) { (self.file, self.position) = (file, position) }

    /// The next byte; nil at the end of the file.
    mutating func next() throws -> UInt8? {
        if used == block.count {
            block = try file.bytes(at: position, count: 1 << 16)
            position += block.count
            used = 0
            if block.isEmpty { return nil }
        }
        used += 1
        return block[used - 1]
    }
}

/// A part of a file, read from front to back.
final class FileStream: ByteStream {
    private let file: FileReader
    private(set) var position: Int

    init(_ file: FileReader, from position: Int = 0) {
        self.file = file
        self.position = position
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        try file.fill(buffer, at: position, what)
        position += buffer.count
    }
}
