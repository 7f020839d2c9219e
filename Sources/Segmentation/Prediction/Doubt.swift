#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The network's uncertainty about a picture or a volume.
public struct Doubt: Sendable, Equatable, Codable {
    /// The expected Dice error by the network's own probabilities p, 0…1: 1 − 2Σpm / (Σp + Σm) for
    /// its mask m, averaged over the classes found, without the background. If no class is found,
    /// it is the greatest probability of any class but the background.
    public var expectedError: Double
    /// The mean entropy of the pixels' probabilities, 0…1 as a share of the greatest possible.
    public var entropy: Double
    /// The disagreement of several passes, averaged over pixels, in the same unit: the entropy of
    /// their mean minus the mean of their entropies. Nil for one pass.
    public var mutualInformation: Double?

    private enum CodingKeys: String, CodingKey {
        case expectedError = "expected_error", entropy, mutualInformation = "mutual_information"
    }

    /// Each number, with its name in files.
    static let numbers: [(name: String, value: @Sendable (Doubt) -> Double?)] = [
        (CodingKeys.expectedError.rawValue, { $0.expectedError }), (CodingKeys.entropy.rawValue, { $0.entropy }),
        (CodingKeys.mutualInformation.rawValue, { $0.mutualInformation }),
    ]

    /// −Σ p log p of one pixel's probabilities, in nats.
    static func entropy(_ p: [Float]) -> Float {
        var sum: Float = 0
        for value in p where value > 0 { sum -= value * log(value) }
        return sum
    }
}

/// Accumulates the uncertainty of a picture or volume, plane by plane or row by row.
struct DoubtSum {
    private let classes: Int
    private let maps: Int
    private var pixels = 0.0
    private var entropy = 0.0
    private var passes = 0.0
    /// For each class but the background: Σ p over the pixels labelled with it, Σ p over all
    /// pixels, and the number of pixels labelled with it.
    private var found: [(agreeing: Double, probable: Double, pixels: Double)]
    private var greatest: Float = 0

    /// A sum for planes of ``ProbabilityMaps``.
    init(classes: Int, maps: Int) {
        (self.classes, self.maps) = (classes, maps)
        found = Array(repeating: (0, 0, 0), count: max(classes - 1, 1))
    }

    /// Adds pixels, maps × `labels.count`, with their final labels. 0 is the background; for one
    /// class any other value is the foreground. Returns each pixel's entropy, scaled to 0…255.
    mutating func add(_ values: [Float], labels: some RandomAccessCollection<UInt8>) -> [UInt8] {
        let area = labels.count
        let most = log(Float(max(classes, 2)))
        var shown = [UInt8](repeating: 0, count: area)
        var p = [Float](repeating: 0, count: max(classes, 2))
        var (label, sum, inner) = (labels.startIndex, 0.0, 0.0)
        values.withUnsafeBufferPointer { values in
            for i in 0..<area {
                if classes == 1 {
                    (p[0], p[1]) = (1 - values[i], values[i])
                } else {
                    for c in 0..<classes { p[c] = values[c * area + i] }
                }
                let share = min(max(Doubt.entropy(p) / most, 0), 1)
                shown[i] = UInt8(share * 255 + 0.5)
                sum += Double(share)
                if maps > classes { inner += Double(min(max(values[classes * area + i] / most, 0), share)) }
                let answer = classes == 1 ? (labels[label] == 0 ? 0 : 1) : Int(labels[label])
                for c in found.indices {
                    let probable = Double(p[c + 1])
                    greatest = max(greatest, p[c + 1])
                    found[c].probable += probable
                    if answer == c + 1 {
                        found[c].agreeing += probable
                        found[c].pixels += 1
                    }
                }
                labels.formIndex(after: &label)
            }
        }
        pixels += Double(area)
        entropy += sum
        passes += inner
        return shown
    }

    /// The uncertainty over all pixels so far.
    var doubt: Doubt {
        let count = max(pixels, 1)
        let present = found.filter { $0.pixels > 0 }
        let errors = present.map { 1 - 2 * $0.agreeing / ($0.probable + $0.pixels) }
        return Doubt(
            expectedError: errors.isEmpty ? Double(greatest) : errors.reduce(0, +) / Double(errors.count), entropy: entropy / count,
            mutualInformation: maps > classes ? (entropy - passes) / count : nil)
    }
}
