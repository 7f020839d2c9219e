#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How unsure a network is of a picture or a volume.
public struct Doubt: Sendable, Equatable, Codable {
    /// The Dice that the probabilities themselves expect to be missing, 0…1: 1 − 2Σpm / (Σp + Σm) of
    /// the mask m that they give, the mean over the classes found, without the background. Where
    /// nothing is found, the greatest probability that a pixel has of a class.
    public var expectedError: Double
    /// The mean over pixels of the probabilities' entropy, 0…1 in units of the greatest possible.
    public var entropy: Double
    /// The mean over pixels of what several passes disagree about, in the same unit: the entropy of
    /// their mean less the mean of their entropies. Nil of one pass.
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

/// Collects a picture's doubt, plane by plane or row by row.
struct DoubtSum {
    private let classes: Int
    private let maps: Int
    private var pixels = 0.0
    private var entropy = 0.0
    private var passes = 0.0
    /// Of each class but the background: Σ p where it is the answer, Σ p, and the answer's pixels.
    private var found: [(agreeing: Double, probable: Double, pixels: Double)]
    private var greatest: Float = 0

    /// For planes of ``ProbabilityMaps``.
    init(classes: Int, maps: Int) {
        (self.classes, self.maps) = (classes, maps)
        found = Array(repeating: (0, 0, 0), count: max(classes - 1, 1))
    }

    /// Adds pixels, maps × `labels.count`, with the labels that they got: 0 for the background, of
    /// one class anything else. Returns each pixel's entropy, 0…255 for none to the greatest.
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

    /// The doubt of all pixels so far.
    var doubt: Doubt {
        let count = max(pixels, 1)
        let present = found.filter { $0.pixels > 0 }
        let errors = present.map { 1 - 2 * $0.agreeing / ($0.probable + $0.pixels) }
        return Doubt(
            expectedError: errors.isEmpty ? Double(greatest) : errors.reduce(0, +) / Double(errors.count), entropy: entropy / count,
            mutualInformation: maps > classes ? (entropy - passes) / count : nil)
    }
}
