import Files

/// A bzip2 file, decompressed from front to back, block by block, with at most 900,000 symbols in
/// memory.
final class BZip2Stream: PackedStream {
    private var bits: Bits
    private let file: FileReader
    /// The current block, before its runs are expanded.
    private var links: [UInt32] = []
    private var level = 0
    private var place: UInt32 = 0
    private var symbolsLeft = 0
    private var run = Run()
    private var checksum: UInt32 = .max
    private var expected: UInt32 = 0
    private var isAtEnd = false

    /// Equal bytes in a row; the fifth tells how many more follow.
    private struct Run {
        var byte: UInt8 = 0
        var length = 0
        var pending = 0
    }

    /// The most bytes per input byte: a run of 259 takes five symbols, and a block of 900,000
    /// symbols takes some forty bytes.
    private static let largestRatio = 1_200_000

    init(_ file: FileReader, from position: Int) throws {
        self.file = file
        bits = Bits(file: file, position: position)
        try begin(isFirst: true)
    }

    /// The most bytes that the file can yield.
    var largestSize: Int {
        let (size, overflow) = file.size.multipliedReportingOverflow(by: Self.largestRatio)
        return overflow ? .max : size
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        let filled = try unpack(into: buffer)
        guard filled == buffer.count else { throw Fault(.truncated, "truncated: \(what) has \(filled) of \(buffer.count) bytes") }
    }

    func drain(_ most: Int, _ what: String) throws -> Int {
        try withUnsafeTemporaryAllocation(byteCount: min(most, 1 << 16), alignment: 16) { block in
            var drained = 0
            while drained < most {
                let piece = UnsafeMutableRawBufferPointer(rebasing: block[..<min(block.count, most - drained)])
                let got = try unpack(into: piece)
                drained += got
                if got < piece.count { break }
            }
            return drained
        }
    }

    private func unpack(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            if run.pending > 0 {
                run.pending -= 1
                emit(run.byte, buffer, &filled)
                continue
            }
            if symbolsLeft == 0 {
                guard try nextBlock() else { break }
                continue
            }
            symbolsLeft -= 1
            place = links[Int(place)]
            let byte = UInt8(place & 0xFF)
            place >>= 8
            if run.length == 4 {
                (run.pending, run.length) = (Int(byte), 0)
            } else {
                run.length = byte == run.byte ? run.length + 1 : 1
                run.byte = byte
                emit(byte, buffer, &filled)
            }
        }
        return filled
    }

    private func emit(_ byte: UInt8, _ buffer: UnsafeMutableRawBufferPointer, _ filled: inout Int) {
        buffer[filled] = byte
        filled += 1
        checksum = checksum << 8 ^ Self.table[Int(UInt8(checksum >> 24) ^ byte)]
    }

    /// A stream's header: "BZh" and the size of its blocks. False if no further stream follows.
    @discardableResult
    private func begin(isFirst: Bool) throws -> Bool {
        let head = try bits.bytesOrNothing(4)
        guard head.count == 4, head[0...2].elementsEqual("BZh".utf8), (0x31...0x39).contains(head[3]) else {
            guard !isFirst else { throw Fault(.corrupt, "its header promises a bzip2 stream, but the data is not one") }
            return false
        }
        level = Int(head[3] - 0x30)
        return true
    }

    private static let blockMagic: UInt64 = 0x3141_5926_5359, endMagic: UInt64 = 0x1772_4538_5090

    /// Unpacks the next block; false at the end.
    private func nextBlock() throws -> Bool {
        if isAtEnd { return false }
        if !links.isEmpty { guard ~checksum == expected else { throw Self.damage("a block's checksum differs") } }
        links = []
        while true {
            let magic = UInt64(try bits.read(24)) << 24 | UInt64(try bits.read(24))
            let sum = UInt32(try bits.read(16)) << 16 | UInt32(try bits.read(16))
            if magic == Self.blockMagic {
                expected = sum
                try block()
                return true
            }
            guard magic == Self.endMagic else { throw Self.damage("a block's signature is wrong") }
            bits.alignToByte()
            guard try begin(isFirst: false) else {
                isAtEnd = true
                return false
            }
        }
    }

    static func damage(_ what: String) -> Fault { Fault(.corrupt, "its bzip2 stream is damaged: \(what)") }

    private func block() throws {
        guard try bits.read(1) == 0 else {
            throw Fault(.unsupported, "was compressed by a bzip2 from before 1997", remedy: "compress it with gzip")
        }
        let origin = Int(try bits.read(24))
        let used = try symbols()
        let tables = try codeTables(symbols: used.count + 2)
        let data = try symbolsOfBlock(used, tables)
        guard origin < data.count else { throw Self.damage("a block's starting point lies outside the block") }
        // Undoes the transform: each symbol leads to the one that follows it in the text.
        var starts = [Int](repeating: 0, count: 257)
        for byte in data { starts[Int(byte) + 1] += 1 }
        for i in 1...256 { starts[i] += starts[i - 1] }
        links = data.map { UInt32($0) }
        for (i, byte) in data.enumerated() {
            links[starts[Int(byte)]] |= UInt32(i) << 8
            starts[Int(byte)] += 1
        }
        place = links[origin] >> 8
        symbolsLeft = data.count
        (run, checksum) = (Run(), .max)
    }

    /// The bytes that occur in a block.
    private func symbols() throws -> [UInt8] {
        let groups = try bits.read(16)
        var used: [UInt8] = []
        for group in 0..<16 where groups >> (15 - group) & 1 == 1 {
            let members = try bits.read(16)
            for i in 0..<16 where members >> (15 - i) & 1 == 1 { used.append(UInt8(16 * group + i)) }
        }
        guard !used.isEmpty else { throw Self.damage("a block uses no symbol") }
        return used
    }

    private struct CodeTables {
        /// The table that codes each run of fifty symbols.
        var selectors: [Int]
        var tables: [BZip2Code]
    }

    private func codeTables(symbols: Int) throws -> CodeTables {
        let count = Int(try bits.read(3)), selectorCount = Int(try bits.read(15))
        guard (2...6).contains(count), selectorCount > 0 else { throw Self.damage("a block has no tables") }
        var order = Array(0..<count), selectors: [Int] = []
        for _ in 0..<selectorCount {
            var steps = 0
            while try bits.read(1) == 1 {
                steps += 1
                guard steps < count else { throw Self.damage("a block selects a table that does not exist") }
            }
            order.insert(order.remove(at: steps), at: 0)
            selectors.append(order[0])
        }
        let tables = try (0..<count).map { _ in
            var length = Int(try bits.read(5))
            let lengths = try (0..<symbols).map { _ in
                while true {
                    guard (1...20).contains(length) else { throw Self.damage("a code has an impossible length") }
                    guard try bits.read(1) == 1 else { return length }
                    length += try bits.read(1) == 0 ? 1 : -1
                }
            }
            return BZip2Code(lengths)
        }
        return CodeTables(selectors: selectors, tables: tables)
    }

    /// The symbols of a block, after undoing codes, runs of the front symbol and moves to the
    /// front.
    private func symbolsOfBlock(_ used: [UInt8], _ coding: CodeTables) throws -> [UInt8] {
        let limit = 100_000 * level, end = used.count + 1
        var (front, data, group, left) = (used, [UInt8](), 0, 0)
        var (runLength, runPlace) = (0, 1)
        data.reserveCapacity(limit)
        while true {
            if left == 0 {
                guard group < coding.selectors.count else { throw Self.damage("a block does not end") }
                (group, left) = (group + 1, 50)
            }
            left -= 1
            let symbol = try coding.tables[coding.selectors[group - 1]].next(&bits)
            if symbol <= 1 {
                guard runPlace <= limit else { throw Self.damage("a run is longer than its block") }
                runLength += runPlace << symbol
                runPlace <<= 1
                continue
            }
            if runLength > 0 {
                guard data.count + runLength <= limit else { throw Self.damage("a block is longer than its stream allows") }
                data.append(contentsOf: repeatElement(front[0], count: runLength))
                (runLength, runPlace) = (0, 1)
            }
            if symbol == end { return data }
            guard data.count < limit, symbol - 1 < front.count else { throw Self.damage("a block is longer than its stream allows") }
            front.insert(front.remove(at: symbol - 1), at: 0)
            data.append(front[0])
        }
    }

    /// CRC-32 with the highest bit first, as in bzip2.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte) << 24) { value, _ in value & 0x8000_0000 == 0 ? value << 1 : value << 1 ^ 0x04C1_1DB7 }
    }
}

/// A canonical Huffman code of at most 20 bits, defined by its symbols' lengths.
private struct BZip2Code {
    private var symbols: [Int] = []
    /// By length: the first code, and the offset of its symbols.
    private var first = [Int](repeating: 0, count: 22), offset = [Int](repeating: 0, count: 22), counts = [Int](repeating: 0, count: 22)

    init(_ lengths: [Int]) {
        for length in lengths { counts[length] += 1 }
        for length in 1...20 { symbols += lengths.indices.filter { lengths[$0] == length } }
        var (code, place) = (0, 0)
        for length in 1...20 {
            (first[length], offset[length]) = (code, place)
            code = (code + counts[length]) << 1
            place += counts[length]
        }
    }

    func next(_ bits: inout BZip2Stream.Bits) throws -> Int {
        var code = 0
        for length in 1...20 {
            code = code << 1 | Int(try bits.read(1))
            if code - first[length] < counts[length], code >= first[length] { return symbols[offset[length] + code - first[length]] }
        }
        throw BZip2Stream.damage("a code is not in its table")
    }
}

extension BZip2Stream {
    /// Bits of a file, the highest of a byte first.
    struct Bits {
        private var bytes: ByteFeed
        private var buffer: UInt64 = 0
        private var count = 0

        init(file: FileReader, position: Int) { bytes = ByteFeed(file, from: position) }

        /// Up to 24 bits.
        mutating func read(_ wanted: Int) throws -> UInt32 {
            while count < wanted {
                guard let byte = try bytes.next() else { throw Fault(.truncated, "truncated: its bzip2 stream breaks off") }
                buffer = buffer << 8 | UInt64(byte)
                count += 8
            }
            count -= wanted
            return UInt32(buffer >> UInt64(count) & (1 << UInt64(wanted) - 1))
        }

        /// Whole bytes, fewer at the end of the file.
        mutating func bytesOrNothing(_ wanted: Int) throws -> [UInt8] {
            var found: [UInt8] = []
            while found.count < wanted {
                if count >= 8 {
                    found.append(UInt8(try read(8)))
                } else {
                    guard let byte = try bytes.next() else { break }
                    found.append(byte)
                }
            }
            return found
        }

        mutating func alignToByte() { count -= count % 8 }
    }
}
