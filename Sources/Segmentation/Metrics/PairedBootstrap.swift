import Imaging

/// Scores of several methods on the same pictures, and which differences are more than chance: the
/// pictures are drawn again and again with replacement, the same for all methods.
public struct PairedBootstrap: Sendable {
    /// The methods' scores on the pictures as they are.
    public let observed: [Double]
    /// The methods' scores on each draw.
    private let drawn: [[Double]]

    /// A difference between two methods.
    public struct Difference: Sendable, Codable, Equatable {
        /// The first method's score less the second's.
        public var difference: Double
        /// The interval that holds 95 % of the draws' differences.
        public var low: Double
        /// Its upper end.
        public var high: Double
        /// Twice the share of draws on the other side of zero, at most 1.
        public var p: Double
        /// `p` with Holm's correction for several differences tested at once.
        public var adjusted: Double
        /// True if `adjusted` is below 0.05.
        public var isReal: Bool { adjusted < 0.05 }
    }

    /// Draws `count` pictures `draws` times. `scores` gives every method's score on a draw, in
    /// which picture i counts `weights[i]` times.
    public init(count: Int, draws: Int = 10_000, seed: UInt64 = 0, scores: (_ weights: [Int]) -> [Double]) {
        observed = scores(Array(repeating: 1, count: count))
        drawn = (0..<(count > 0 ? draws : 0)).map { draw in
            var random = CounterRandom(seed: seed, stream: UInt64(draw))
            var weights = Array(repeating: 0, count: count)
            for _ in 0..<count { weights[random.integer(below: count)] += 1 }
            return scores(weights)
        }
    }

    /// The methods' scores on draws that are known already.
    init(observed: [Double], drawn: [[Double]]) { (self.observed, self.drawn) = (observed, drawn) }

    /// Method a against method b, as if no other pair were tested.
    public func difference(_ a: Int, _ b: Int) -> Difference {
        let differences = drawn.map { $0[a] - $0[b] }.sorted()
        let (below, above) = (differences.count { $0 <= 0 }, differences.count { $0 >= 0 })
        // The draw that was observed is one of them, so that p is never zero.
        let p = min(1, 2 * Double(min(below, above) + 1) / Double(differences.count + 1))
        return Difference(
            difference: observed[a] - observed[b], low: Self.quantile(differences, 0.025), high: Self.quantile(differences, 0.975), p: p,
            adjusted: p)
    }

    /// Every pair of methods, the first before the second, with Holm's correction.
    public func differences() -> [(a: Int, b: Int, Difference)] {
        var pairs = observed.indices.flatMap { a in observed.indices.dropFirst(a + 1).map { b in (a: a, b: b, difference(a, b)) } }
        let order = pairs.indices.sorted { pairs[$0].2.p < pairs[$1].2.p }
        var least = 0.0
        for (rank, index) in order.enumerated() {
            least = max(least, min(1, Double(pairs.count - rank) * pairs[index].2.p))
            pairs[index].2.adjusted = least
        }
        return pairs
    }

    /// The value below which a share of sorted values lies, interpolated.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        guard let last = sorted.indices.last else { return .nan }
        let place = share * Double(last)
        let index = min(Int(place), last)
        return sorted[index] + (place - Double(index)) * (sorted[min(index + 1, last)] - sorted[index])
    }
}
