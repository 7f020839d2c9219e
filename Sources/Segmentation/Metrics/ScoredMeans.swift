/// Means of metrics, and details beside them. In files, each metric is a key beside those of the
/// details.
@dynamicMemberLookup
public struct ScoredMeans<Details: Sendable & Codable & Equatable>: Sendable, Equatable {
    /// The scored metrics.
    public let metrics: [VolumeMetric]
    /// Their means; none for a metric without a value to average.
    public let means: MetricValues
    /// The details, whose properties are read as this value's own.
    public let details: Details

    /// Averages each metric's `values`.
    init(_ metrics: [VolumeMetric], _ details: Details, _ values: (VolumeMetric) -> [Double]) {
        var means = MetricValues()
        for metric in metrics {
            let values = values(metric)
            if !values.isEmpty { means[metric] = values.reduce(0, +) / Double(values.count) }
        }
        (self.metrics, self.means, self.details) = (metrics, means, details)
    }

    /// A property of the ``details``.
    public subscript<Value>(dynamicMember property: KeyPath<Details, Value>) -> Value { details[keyPath: property] }

    /// The mean Dice; nil if there was nothing to average.
    public var dice: Double? { means[.dice] }
    /// The mean HD95; nil if there was nothing to average.
    public var hd95: Double? { means[.hd95] }
}

extension ScoredMeans: Codable {
    /// Writes the details, and one key per metric.
    public func encode(to encoder: any Encoder) throws {
        try details.encode(to: encoder)
        var container = encoder.container(keyedBy: MetricKey.self)
        try means.encode(metrics, into: &container)
    }

    /// Reads the form that ``encode(to:)`` writes.
    public init(from decoder: any Decoder) throws {
        (metrics, means) = try MetricValues.decode(decoder.container(keyedBy: MetricKey.self))
        details = try Details(from: decoder)
    }
}
