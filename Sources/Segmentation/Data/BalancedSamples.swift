import Imaging

/// Repeat-factor sampling (Gupta et al., "LVIS", 2019): samples with rare classes come several
/// times in an epoch, each time varied on its own.
enum RepeatFactors {
    /// The least share of samples that a class shall be in.
    static let leastShare = 0.1
    static let mostRepeats = 10.0

    /// The number of times that each sample comes in an epoch: √(t / f) for its rarest class, t the
    /// least share, f the class's share of the samples.
    ///
    /// - Parameter presence: The labels in each sample; 0 and those beyond `classes` count for
    ///   nothing.
    static func repeats(_ presence: [Set<UInt8>], classes: Int) -> [Int] {
        var holding = [Int](repeating: 0, count: 256)
        for labels in presence { for label in labels { holding[Int(label)] += 1 } }
        let factors = holding.enumerated().map { label, holding -> Double in
            guard label > 0, label < classes, holding > 0 else { return 1 }
            return min(max(1, (leastShare * Double(presence.count) / Double(holding)).squareRoot()), mostRepeats)
        }
        return presence.map { Int(($0.map { factors[Int($0)] }.max() ?? 1).rounded()) }
    }
}

/// A training set in which samples with rare classes come several times.
struct BalancedSamples: SegmentationDataset {
    private let base: any SegmentationDataset
    /// Each sample's place in the base.
    private let places: [Int]

    /// - Parameter presence: The labels in each sample of the base.
    init(_ base: any SegmentationDataset, presence: [Set<UInt8>]) {
        self.base = base
        let repeats = RepeatFactors.repeats(presence, classes: max(base.classes, 2))
        places = repeats.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
    }

    var count: Int { places.count }
    var classes: Int { base.classes }
    func name(at index: Int) -> String { base.name(at: places[index]) }
    func load(at index: Int) throws -> Sample { try base.load(at: places[index]) }
    func prepare(_ sample: Sample, random: CounterRandom?) throws -> Sample { try base.prepare(sample, random: random) }
    func sourceSizes() throws -> [(width: Int, height: Int)] { try base.sourceSizes() }
    func picture(at index: Int) throws -> Picture? { try base.picture(at: places[index]) }

    /// The base's notes, and one about repetitions.
    func verify(forTraining: Bool) throws -> [String] {
        let notes = try base.verify(forTraining: forTraining)
        guard count > base.count else { return notes + ["no class is rare: every sample comes once an epoch"] }
        return notes + ["balanced by class: \(count) samples an epoch of \(base.count), those with rare classes several times"]
    }
}
