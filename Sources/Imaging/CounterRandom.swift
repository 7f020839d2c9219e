#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Random numbers as a pure function of (seed, stream, substream, counter): Philox 4×64, 10 rounds
/// (Salmon et al., 2011).
///
/// Equal arguments give equal numbers on every platform and in any order, so a sample's
/// augmentation does not depend on the thread that makes it. Streams are independent: give each
/// purpose or epoch a stream and each sample a substream.
public struct CounterRandom: RandomNumberGenerator, Sendable {
    /// The run's seed.
    public let seed: UInt64
    /// The first of two numbers that distinguish independent sequences of a seed.
    public let stream: UInt64
    /// The second of those numbers.
    public let substream: UInt64
    /// The number of values drawn; set it to move anywhere in the sequence.
    public var counter: UInt64
    private var block: SIMD4<UInt64>
    private var blockIndex: UInt64?

    /// The sequence of a seed, a stream and a substream, from `counter` on.
    public init(seed: UInt64, stream: UInt64 = 0, substream: UInt64 = 0, counter: UInt64 = 0) {
        self.seed = seed
        self.stream = stream
        self.substream = substream
        self.counter = counter
        block = .zero
    }

    /// Four values of the sequence: those at 4 · index … 4 · index + 3.
    public static func block(seed: UInt64, stream: UInt64, substream: UInt64, index: UInt64) -> SIMD4<UInt64> {
        var (x0, x1, x2, x3) = (index, substream, UInt64(0), UInt64(0))
        var (k0, k1) = (seed, stream)
        for _ in 0..<10 {
            let a = x0.multipliedFullWidth(by: 0xD2E7_470E_E14C_6C93)
            let b = x2.multipliedFullWidth(by: 0xCA5A_8263_9512_1157)
            (x0, x1, x2, x3) = (b.high ^ x1 ^ k0, b.low, a.high ^ x3 ^ k1, a.low)
            k0 &+= 0x9E37_79B9_7F4A_7C15
            k1 &+= 0xBB67_AE85_84CA_A73B
        }
        return SIMD4(x0, x1, x2, x3)
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        let index = counter / 4
        if blockIndex != index {
            block = Self.block(seed: seed, stream: stream, substream: substream, index: index)
            blockIndex = index
        }
        let value = block[Int(counter % 4)]
        counter &+= 1
        return value
    }

    /// A number in 0 ..< 1 with 53 random bits.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A number in `range`.
    public mutating func uniform(in range: Range<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
    }

    /// A whole number in 0 ..< bound, which is at least 1; uniform to within bound · 2⁻⁶⁴.
    public mutating func integer(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

    /// True with the given probability.
    public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

    /// A normal number of mean 0 and standard deviation 1 (Box–Muller, two draws). Equal across
    /// platforms as far as `log` and `cos` are.
    public mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }

    /// 0 ..< count in random order (Fisher–Yates).
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for i in stride(from: count - 1, to: 0, by: -1) { order.swapAt(i, integer(below: i + 1)) }
        return order
    }
}
