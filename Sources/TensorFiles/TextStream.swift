import Files

/// Numbers written as text, converted to little-endian bytes.
///
/// Only whole elements may be requested.
final class TextStream: ByteStream {
    private let file: FileReader
    private let elementType: ElementType
    private var bytes: ByteFeed

    /// The most characters of a number.
    private static let longestNumber = 400

    init(_ file: FileReader, from position: Int, of elementType: ElementType) {
        (self.file, self.elementType) = (file, elementType)
        bytes = ByteFeed(file, from: position)
    }

    /// The most bytes that the rest of the file can yield: a digit and a space make a number.
    var largestSize: Int { (max(0, file.size - bytes.position) / 2 + 1) * elementType.byteCount }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        let size = elementType.byteCount
        precondition(buffer.count.isMultiple(of: size), "text stands for whole numbers")
        for offset in stride(from: 0, to: buffer.count, by: size) {
            guard let word = try nextWord() else {
                throw Fault(.truncated, "truncated: \(what) has \(offset / size) of \(buffer.count / size) numbers")
            }
            guard put(word, buffer, offset) else {
                throw Fault(.corrupt, "\(what) holds '\(word.printable(limit: 20))', which is not a number of its type")
            }
        }
    }

    /// True if only white space follows.
    func isAtEnd() throws -> Bool { try nextWord() == nil }

    private func nextWord() throws -> String? {
        var word: [UInt8] = []
        while let byte = try bytes.next() {
            if byte <= 0x20 || byte == UInt8(ascii: ",") {
                if !word.isEmpty { break }
            } else {
                guard word.count < Self.longestNumber else { throw Fault(.corrupt, "has text where numbers are expected") }
                word.append(byte)
            }
        }
        return word.isEmpty ? nil : String(decoding: word, as: UTF8.self)
    }

    private func put(_ word: String, _ buffer: UnsafeMutableRawBufferPointer, _ offset: Int) -> Bool {
        func store<Value: BitwiseCopyable>(_ value: Value?) -> Bool {
            guard let value else { return false }
            buffer.storeBytes(of: value, toByteOffset: offset, as: Value.self)
            return true
        }
        return switch elementType {
        case .int8: store(Int8(word))
        case .int16: store(Int16(word))
        case .int32: store(Int32(word))
        case .int64: store(Int64(word))
        case .uint8: store(UInt8(word))
        case .uint16: store(UInt16(word))
        case .uint32: store(UInt32(word))
        case .uint64: store(UInt64(word))
        case .float32: store(Float(word))
        case .float64: store(Double(word))
        case .bool, .float16, .bfloat16: false
        }
    }
}

/// Bytes written as pairs of hexadecimal digits.
final class HexStream: ByteStream {
    private let stream: FileStream
    private let file: FileReader
    private var block: [UInt8] = []
    private var used = 0

    init(_ file: FileReader, from position: Int) {
        self.file = file
        stream = FileStream(file, from: position)
    }

    /// The most bytes that the rest of the file can yield.
    var largestSize: Int { max(0, file.size - stream.position) / 2 }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        for i in 0..<buffer.count {
            guard let high = try nextDigit(), let low = try nextDigit() else {
                throw Fault(.truncated, "truncated: \(what) has \(i) of \(buffer.count) bytes")
            }
            buffer[i] = high << 4 | low
        }
    }

    /// True if no digit follows.
    func isAtEnd() throws -> Bool { try nextDigit() == nil }

    private func nextDigit() throws -> UInt8? {
        while true {
            if used == block.count {
                let count = min(1 << 16, file.size - stream.position)
                guard count > 0 else { return nil }
                block = try stream.read(count, "the digits")
                used = 0
            }
            let byte = block[used]
            used += 1
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): return byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): return byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): return byte - UInt8(ascii: "A") + 10
            case 0...0x20: continue
            default: throw Fault(.corrupt, "has text where hexadecimal digits are expected")
            }
        }
    }
}
