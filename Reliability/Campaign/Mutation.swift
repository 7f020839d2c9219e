/// Changes to bytes that readers of binary and text formats are known to trip over.
public struct Mutation {
    /// Other inputs of the same reader, as a source of pieces.
    public var pool: [[UInt8]]
    /// The most bytes of a result.
    public var largest: Int

    /// Mutations that take pieces of `pool` and make at most `largest` bytes.
    public init(pool: [[UInt8]] = [], largest: Int = 1 << 16) {
        self.pool = pool
        self.largest = largest
    }

    /// Three times in four mutates one part of an input behind its envelope, otherwise the raw
    /// bytes.
    public func apply(to input: [UInt8], in envelope: Envelope, _ random: inout Random) -> [UInt8] {
        var result = envelope.mutate(input, &random) { change(&$0, &$1) }
        if result.count > largest { result.removeLast(result.count - largest) }
        return result
    }

    /// Makes one to six changes.
    public func change(_ bytes: inout [UInt8], _ random: inout Random) {
        for _ in 0...random.below(random.once(in: 2) ? 1 : 6) { one(&bytes, &random) }
        if bytes.count > largest { bytes.removeLast(bytes.count - largest) }
    }

    private static let numbers: [Int64] = [
        0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 512, 1024, 4096, 32767, 32768, 65535, 65536, 1 << 24, 1 << 30,
        (1 << 31) - 1,
        1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, .max, .min, .max - 1, -2, -128, -32768,
    ]
    private static let words: [String] = [
        "-1", "0", "1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "1e309", "-0.0",
        "NaN", "nan",
        "Infinity", ".inf", "1e-400", "null", "true", "\"\"", "[]", "{}", "~", "\u{1B}[2J", "\u{7}", "\r", "\u{2028}", "\\u0000", "\\ud800",
        "é", "*a", "&a ",
        "<<: ", "!!python/object:os.system ", "---\n", "\t", "'", "\"", "#", ": ", "- ", ",", "|", ">", "0x7fffffffffffffff", "0o17",
        "1_000",
    ]

    private func one(_ bytes: inout [UInt8], _ random: inout Random) {
        guard !bytes.isEmpty else {
            bytes = (0...random.below(16)).map { _ in UInt8(random.below(256)) }
            return
        }
        // Half of the changes hit the beginning, where headers are.
        let at = random.below(random.once(in: 2) ? min(bytes.count, 256) : bytes.count)
        switch random.below(16) {
        case 0: bytes[at] ^= 1 << UInt8(random.below(8))
        case 1: bytes[at] = UInt8(random.below(256))
        case 2: bytes[at] = random.pick([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
        case 3, 4: number(&bytes, at, &random)
        case 5: bytes.removeSubrange(at...)
        case 6: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(random.once(in: 4) ? 256 : 8)))
        case 7: bytes.insert(contentsOf: (0...random.below(8)).map { _ in UInt8(random.below(256)) }, at: at)
        case 8: bytes.insert(contentsOf: [UInt8](repeating: UInt8(random.below(256)), count: 1 + random.below(300)), at: at)
        case 9, 10:
            // Insert or overwrite a piece of this input or of another.
            let other = pool.isEmpty || random.once(in: 2) ? bytes : random.pick(pool)
            guard !other.isEmpty else { return }
            let from = random.below(other.count)
            let piece = other[from..<min(other.count, from + 1 + random.below(random.once(in: 4) ? 1024 : 32))]
            if random.once(in: 2) {
                bytes.insert(contentsOf: Array(piece), at: at)
            } else {
                bytes.replaceSubrange(at..<min(bytes.count, at + piece.count), with: Array(piece))
            }
        case 11: bytes.insert(contentsOf: Array(random.pick(Self.words).utf8), at: at)
        case 12: digits(&bytes, at, &random)
        case 13: lines(&bytes, &random)
        case 14: for i in at..<min(bytes.count, at + 4) { bytes[i] = 0xFF }
        default:
            let opening = random.pick(["[", "{", "(", "{\"a\":", "- ", "? "])
            bytes.insert(contentsOf: Array(repeatElement(Array(opening.utf8), count: 1 << random.below(12)).joined()), at: at)
        }
    }

    /// Replaces a whole number of 1 to 8 bytes, in either order, with an extreme one or a slightly
    /// different one.
    private func number(_ bytes: inout [UInt8], _ at: Int, _ random: inout Random) {
        let width = 1 << random.below(4)
        guard at + width <= bytes.count else { return }
        let isLittle = random.once(in: 2)
        let places = isLittle ? Array(at..<(at + width)) : Array((at..<(at + width)).reversed())
        var value: UInt64 = places.reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
        value =
            random.once(in: 2) ? UInt64(bitPattern: random.pick(Self.numbers)) : value &+ UInt64(bitPattern: Int64(random.below(33) - 16))
        for (i, place) in places.enumerated() { bytes[place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    }

    /// Replaces a run of decimal digits with another number.
    private func digits(_ bytes: inout [UInt8], _ at: Int, _ random: inout Random) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        guard let first = bytes[at...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: Array(random.pick(Self.words).utf8))
    }

    /// Doubles, deletes or moves a line of text.
    private func lines(_ bytes: inout [UInt8], _ random: inout Random) {
        var lines = bytes.split(separator: 0x0A, maxSplits: 500, omittingEmptySubsequences: false).map(Array.init)
        let line = random.pick(lines)
        if random.once(in: 2) { lines.remove(at: random.below(lines.count)) }
        if random.once(in: 2) || lines.isEmpty { lines.insert(line, at: random.below(lines.count + 1)) }
        bytes = Array(lines.joined(separator: [0x0A]))
    }
}
