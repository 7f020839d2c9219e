import Foundation

/// How a volume's intensities become the 0…1 that networks for volumes are trained on.
public enum IntensityWindow: Sendable, Hashable, Codable, CustomStringConvertible {
    /// As they are: files in Synapse's layout hold 0…1 already.
    case none
    /// Clipped to low…high and stretched from it: for CT in Hounsfield units.
    case fixed(low: Double, high: Double)
    /// Stretched from the volume's least and greatest value.
    case range
    /// Clipped to the volume's 0.5th and 99.5th percentiles and stretched from them: for MR and whatever else has no unit.
    case percentiles

    /// Synapse's window of Hounsfield units.
    public static let abdomen = IntensityWindow.fixed(low: -125, high: 275)

    /// "LOW,HIGH", "minmax", "percentiles" or "none"; nil for anything else, or where LOW is not below HIGH.
    public init?(_ text: String) {
        switch text {
        case "none": self = .none
        case "minmax": self = .range
        case "percentiles": self = .percentiles
        default:
            let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map {
                Double($0.trimmingCharacters(in: .whitespaces))
            }
            guard numbers.count == 2, let low = numbers[0], let high = numbers[1], low.isFinite, high.isFinite, low < high else {
                return nil
            }
            self = .fixed(low: low, high: high)
        }
    }

    /// As ``init(_:)`` reads it: "-125,275", "minmax", "percentiles" or "none".
    public var description: String {
        func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }
        return switch self {
        case .none: "none"
        case .range: "minmax"
        case .percentiles: "percentiles"
        case .fixed(let low, let high): "\(text(low)),\(text(high))"
        }
    }

    /// Written and read as ``description``.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let window = IntensityWindow(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no window"))
        }
        self = window
    }

    /// Written and read as ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The intensities so mapped, each times `scale`. A volume of one value becomes 0 where the window is its own.
    public func applied(to intensities: [Float], scale: Float = 1) -> [Float] {
        let (low, high): (Float, Float)
        switch self {
        case .none: return scale == 1 ? intensities : intensities.map { $0 * scale }
        case .fixed(let l, let h): (low, high) = (Float(l), Float(h))
        case .range: (low, high) = (intensities.min() ?? 0, intensities.max() ?? 0)
        case .percentiles: (low, high) = Self.percentiles(of: intensities)
        }
        guard high > low else { return [Float](repeating: 0, count: intensities.count) }
        // Halves, since the difference of two finite numbers can be infinite.
        let width = high / 2 - low / 2
        return intensities.map { (min(max($0, low), high) / 2 - low / 2) / width * scale }
    }

    /// Values that percentiles are taken of at most; larger volumes are sampled evenly.
    private static let sampleLimit = 1 << 20

    private static func percentiles(of values: [Float]) -> (Float, Float) {
        guard !values.isEmpty else { return (0, 0) }
        // An odd stride, so that it does not fall into step with rows whose length is a power of two.
        let stride = max(1, (values.count + sampleLimit - 1) / sampleLimit) | 1
        let sorted = Swift.stride(from: 0, to: values.count, by: values.count <= sampleLimit ? 1 : stride).map { values[$0] }.sorted()
        func percentile(_ share: Double) -> Float {
            let place = share * Double(sorted.count - 1)
            let (below, rest) = (Int(place), place - place.rounded(.down))
            let above = min(below + 1, sorted.count - 1)
            return Float(Double(sorted[below]) * (1 - rest) + Double(sorted[above]) * rest)
        }
        return (percentile(0.005), percentile(0.995))
    }
}
