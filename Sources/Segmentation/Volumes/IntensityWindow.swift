/// Maps a volume's intensities to the 0…1 that networks for volumes are trained on.
public enum IntensityWindow: Sendable, Hashable {
    /// Unchanged: files in Synapse's layout already hold 0…1.
    case none
    /// Clips to low…high and stretches, for CT in Hounsfield units.
    case fixed(low: Double, high: Double)
    /// Stretches between the volume's least and greatest value.
    case range
    /// Clips to the volume's 0.5th and 99.5th percentiles and stretches, for MR and other
    /// intensities without a unit.
    case percentiles

    /// Synapse's window of Hounsfield units.
    public static let abdomen = IntensityWindow.fixed(low: -125, high: 275)

    /// The mapped intensities, each times `scale`. A constant volume becomes 0 if the window
    /// depends on the volume.
    public func applied(to intensities: [Float], scale: Float = 1) -> [Float] {
        guard self != .none else { return scale == 1 ? intensities : intensities.map { $0 * scale } }
        let (low, high) = limits(of: intensities)
        guard high > low else { return [Float](repeating: 0, count: intensities.count) }
        // Halves, since the difference of two finite numbers can be infinite.
        let width = high / 2 - low / 2
        return intensities.map { (min(max($0, low), high) / 2 - low / 2) / width * scale }
    }

    /// The volume's intensities that are mapped to 0 and 1.
    public func limits(of intensities: [Float]) -> (low: Float, high: Float) {
        switch self {
        case .none: (0, 1)
        case .fixed(let low, let high): (Float(low), Float(high))
        case .range: (intensities.min() ?? 0, intensities.max() ?? 0)
        case .percentiles: Self.percentiles(of: intensities)
        }
    }

    /// The most values to take percentiles of; larger volumes are sampled evenly.
    static let sampleLimit = 1 << 20

    /// The distance of a sample's values, so that there are at most `limit`. It is odd, so that it
    /// does not fall into step with rows whose length is a power of two.
    static func stride(_ count: Int, limit: Int) -> Int { count <= limit ? 1 : (count + limit - 1) / limit | 1 }

    private static func percentiles(of values: [Float]) -> (Float, Float) {
        let step = stride(values.count, limit: sampleLimit)
        return percentiles(ofSample: step == 1 ? values : Swift.stride(from: 0, to: values.count, by: step).map { values[$0] })
    }

    static func percentiles(ofSample values: [Float]) -> (low: Float, high: Float) {
        guard !values.isEmpty else { return (0, 0) }
        let sorted = values.sorted()
        func percentile(_ share: Double) -> Float {
            let place = share * Double(sorted.count - 1)
            let (below, rest) = (Int(place), place - place.rounded(.down))
            let above = min(below + 1, sorted.count - 1)
            return Float(Double(sorted[below]) * (1 - rest) + Double(sorted[above]) * rest)
        }
        return (percentile(0.005), percentile(0.995))
    }
}
