/// A format's lengths and checksums around its parts. Unwrapped, mutated and wrapped again, an
/// input gets past those checks.
public struct Envelope: Sendable {
    /// A part and its label: a chunk's type, a member's name, a marker.
    public struct Part: Sendable {
        var label: [UInt8]
        var bytes: [UInt8]
    }

    /// Nil if the input is too damaged to unwrap.
    let open: @Sendable ([UInt8]) -> [Part]?
    let seal: @Sendable ([Part]) -> [UInt8]
    /// The envelope within a part's own bytes.
    var inner: @Sendable (Part) -> Envelope? = { _ in nil }

    /// For formats without lengths or checksums.
    public static let none = Envelope(open: { _ in nil }, seal: { $0.first?.bytes ?? [] })

    /// A change of some bytes.
    public typealias Change = (inout [UInt8], inout Random) -> Void

    /// Three times in four lets `change` mutate a part, otherwise the raw bytes. Occasionally swaps
    /// parts instead.
    public func mutate(_ input: [UInt8], _ random: inout Random, _ change: Change) -> [UInt8] {
        guard !random.once(in: 4), var parts = open(input), !parts.isEmpty else {
            var bytes = input
            change(&bytes, &random)
            return bytes
        }
        let at = random.below(parts.count)
        switch random.below(16) {
        case 0: parts.remove(at: at)
        case 1: parts.insert(parts[at], at: random.below(parts.count + 1))
        case 2: parts.swapAt(at, random.below(parts.count))
        case 3: change(&parts[at].label, &random)
        default:
            if let inner = inner(parts[at]) {
                parts[at].bytes = inner.mutate(parts[at].bytes, &random, change)
            } else {
                change(&parts[at].bytes, &random)
            }
        }
        return seal(parts)
    }
}

extension [UInt8] {
    /// `count` bytes from `offset` as a whole number; nil beyond the end.
    func number(at offset: Int, _ count: Int, bigEndian: Bool = false) -> Int? {
        guard offset >= 0, offset <= self.count - count else { return nil }
        let bytes = self[offset..<(offset + count)]
        let value = (bigEndian ? Array(bytes) : bytes.reversed()).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(exactly: value)
    }

    mutating func append(number value: Int, _ count: Int, bigEndian: Bool = false) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        append(contentsOf: bigEndian ? bytes.reversed() : bytes)
    }

    /// `count` bytes from `offset`; nil beyond the end.
    func piece(_ offset: Int, _ count: Int) -> [UInt8]? {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else { return nil }
        return Array(self[offset..<(offset + count)])
    }
}
