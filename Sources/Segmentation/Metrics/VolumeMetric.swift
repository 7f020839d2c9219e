/// A score of one class in a volume: a name, a unit, a value for a missing class, and a function of
/// the measurement.
///
/// To add one, write it below and in ``all``; `evaluate`'s JSON and tables then have it.
public struct VolumeMetric: Sendable, Hashable {
    /// The meaning of the numbers.
    public enum Unit: Sendable {
        /// A share, 0…1.
        case share
        /// A distance in the spacing's unit.
        case distance
    }

    /// The key in files: "hd95".
    public let name: String
    /// The name in tables: "HD95".
    public let title: String
    /// The meaning of its numbers.
    public let unit: Unit
    /// Its value if the class is in the label alone. In neither volume, it has none.
    public let missed: Double
    /// Its value if the class is in the prediction alone.
    public let spurious: Double
    /// The paper's value for a class that is predicted but absent; nil for metrics that the paper
    /// lacks.
    public let publishedSpurious: Double?
    /// True if it needs surface distances.
    let needsDistances: Bool
    /// Its value if the class is in both volumes.
    let value: @Sendable (ClassMeasurement) -> Double

    /// 2·both / (predicted + labelled).
    public static let dice = VolumeMetric("dice", "DSC", .share, publishedSpurious: 1, needsDistances: false) {
        2 * Double($0.both) / Double($0.predicted + $0.labelled)
    }

    /// The 95th percentile of the distances from each surface to the other, both directions
    /// together.
    public static let hd95 = VolumeMetric("hd95", "HD95", .distance, publishedSpurious: 0) {
        SurfaceDistance.percentile95($0.distances.all) ?? 0
    }

    /// The share of both surfaces that is within `tolerance` of the other, in the spacing's unit:
    /// the normalised surface Dice, with all border voxels weighted equally. A distance that exceeds
    /// the tolerance by less than a ten-thousandth counts as within: spacings are rounded numbers, and
    /// voxels often lie exactly as far apart as the tolerance.
    public static func normalizedSurfaceDice(tolerance: Double) -> VolumeMetric {
        let digits = tolerance == tolerance.rounded() ? "\(Int(tolerance))" : "\(tolerance)"
        return VolumeMetric("nsd_\(digits)", "NSD\(digits)", .share) { measurement in
            let all = measurement.distances.all
            return Double(all.count { $0 <= tolerance * 1.0001 }) / Double(all.count)
        }
    }

    /// |predicted − labelled| / labelled: how far the volume is off, wherever its voxels lie.
    public static let relativeVolumeError = VolumeMetric(
        "rve", "RVE", .share, missed: 1, spurious: .infinity, needsDistances: false
    ) { abs(Double($0.predicted) - Double($0.labelled)) / Double($0.labelled) }

    /// The metrics of the paper's Table II.
    public static let published = [dice, hd95]

    /// All metrics without a parameter: those of `evaluate`.
    public static let all = published + [relativeVolumeError]

    init(
        _ name: String, _ title: String, _ unit: Unit, missed: Double? = nil, spurious: Double? = nil,
        publishedSpurious: Double? = nil, needsDistances: Bool = true,
        _ value: @escaping @Sendable (ClassMeasurement) -> Double
    ) {
        (self.name, self.title, self.unit, self.value) = (name, title, unit, value)
        (self.publishedSpurious, self.needsDistances) = (publishedSpurious, needsDistances)
        let worst = unit == .share ? 0 : Double.infinity
        (self.missed, self.spurious) = (missed ?? worst, spurious ?? worst)
    }

    /// The metric of a name in a file.
    static func named(_ name: String) -> VolumeMetric? {
        if let known = all.first(where: { $0.name == name }) { return known }
        return name.hasPrefix("nsd_") ? Double(name.dropFirst(4)).map(normalizedSurfaceDice) : nil
    }

    /// Metrics of one name are one.
    public static func == (a: VolumeMetric, b: VolumeMetric) -> Bool { a.name == b.name }
    /// By the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// A class's measurement when it is in prediction and label. Every ``VolumeMetric`` is a function
/// of it.
struct ClassMeasurement: Sendable {
    /// Voxels of the class in the prediction.
    let predicted: Int
    /// Voxels of the class in the label.
    let labelled: Int
    /// Voxels of the class in both at once.
    let both: Int
    /// Distances between the surfaces; empty if no metric needs them.
    let distances: SurfaceDistances
}

/// Distances of each border voxel to the nearest border voxel of the other set, in the spacing's
/// unit.
public struct SurfaceDistances: Sendable, Equatable {
    /// From the prediction's border to the label's.
    public let fromPrediction: [Double]
    /// From the label's border to the prediction's.
    public let fromLabel: [Double]

    /// Both directions together.
    public var all: [Double] { fromPrediction + fromLabel }
}

/// Values of metrics by their names in files.
public struct MetricValues: Sendable, Equatable {
    private var values: [VolumeMetric: Double] = [:]

    /// None.
    public init() {}

    /// A metric's value; nil if there is none.
    public subscript(metric: VolumeMetric) -> Double? {
        get { values[metric] }
        set { values[metric] = newValue }
    }

    /// Writes every metric; those without a finite value as null, so that readers find every key.
    func encode(_ metrics: [VolumeMetric], into container: inout KeyedEncodingContainer<MetricKey>) throws {
        for metric in metrics {
            let value = self[metric].flatMap { $0.isFinite ? $0 : nil }
            try container.encode(value, forKey: MetricKey(metric.name))
        }
    }

    /// Reads the metrics that are present, in the order of ``VolumeMetric/all`` and then of their
    /// names.
    static func decode(_ container: KeyedDecodingContainer<MetricKey>) throws -> (metrics: [VolumeMetric], values: MetricValues) {
        var values = MetricValues()
        let found = container.allKeys.compactMap { VolumeMetric.named($0.stringValue) }
        let metrics =
            VolumeMetric.all.filter(found.contains) + found.filter { !VolumeMetric.all.contains($0) }.sorted { $0.name < $1.name }
        for metric in metrics { values[metric] = try container.decodeIfPresent(Double.self, forKey: MetricKey(metric.name)) }
        return (metrics, values)
    }
}
