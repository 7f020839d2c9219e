import Files

/// Maps one channel of a volume for a network.
public enum Normalization: Sendable, Hashable {
    /// To 0…1 by a window.
    case window(IntensityWindow)
    /// To mean 0 and standard deviation 1 of the volume itself, as nnU-Net maps MR.
    ///
    /// Where at least a quarter of the voxels are exactly 0, as around a brain that was cut out,
    /// mean and deviation are those of the others.
    case zScore
}

extension Normalization: Codable, CustomStringConvertible {
    /// "zscore", or a window as ``IntensityWindow/init(_:)`` reads it; nil for anything else.
    public init?(_ text: String) {
        if text == "zscore" {
            self = .zScore
        } else if let window = IntensityWindow(text) {
            self = .window(window)
        } else {
            return nil
        }
    }

    /// In the form of ``init(_:)``.
    public var description: String {
        switch self {
        case .zScore: "zscore"
        case .window(let window): window.description
        }
    }

    /// Read as ``description``.
    public init(from decoder: any Decoder) throws {
        guard let value = Normalization(try decoder.singleValueContainer().decode(String.self)) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no normalization"))
        }
        self = value
    }

    /// Written as ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A normalization in the numbers that one volume gives it.
struct IntensityMap: Sendable {
    private let window: IntensityWindow?
    private let scale: Float
    private let mean: Float
    private let deviation: Float

    /// `scale` is the greatest value of the network's input, for windows.
    init(_ normalization: Normalization, of volume: VolumeFile, scale: Float) {
        switch normalization {
        case .window(let window): (self.window, self.scale, mean, deviation) = (window.resolved(for: volume), scale, 0, 1)
        case .zScore:
            let (mean, deviation) = volume.meanAndDeviation
            (window, self.scale, self.mean, self.deviation) = (nil, 1, Float(mean), Float(deviation))
        }
    }

    /// A constant volume becomes 0.
    func applied(to intensities: [Float]) -> [Float] {
        if let window { return window.applied(to: intensities, scale: scale) }
        guard deviation > 0 else { return [Float](repeating: 0, count: intensities.count) }
        return intensities.map { ($0 - mean) / deviation }
    }
}

extension VolumeFile {
    /// Over all voxels, or over those other than 0 if at least a quarter are 0.
    fileprivate var meanAndDeviation: (mean: Double, deviation: Double) {
        var (all, others) = (Moments(), Moments())
        for k in 0..<shape.depth {
            for value in slice(at: k) {
                all.add(Double(value))
                if value != 0 { others.add(Double(value)) }
            }
        }
        return 4 * (all.count - others.count) >= all.count && others.count > 0 ? others.meanAndDeviation : all.meanAndDeviation
    }
}

/// Mean and deviation of numbers that come one by one (Welford 1962): no sum of squares, in which
/// large values would drown small differences.
private struct Moments {
    var count = 0
    private var mean = 0.0
    private var squares = 0.0

    mutating func add(_ value: Double) {
        count += 1
        let difference = value - mean
        mean += difference / Double(count)
        squares += difference * (value - mean)
    }

    var meanAndDeviation: (mean: Double, deviation: Double) { (mean, (squares / Double(max(count, 1))).squareRoot()) }
}
