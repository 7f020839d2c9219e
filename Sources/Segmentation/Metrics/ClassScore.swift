/// One class's scores in one volume: voxel counts, and the requested metrics.
public struct ClassScore: Sendable, Equatable {
    /// The class's number in the labels.
    public let value: Int
    /// The class's name.
    public let name: String
    /// Voxels of the class in the prediction.
    public let predicted: Int
    /// Voxels of the class in the label.
    public let labelled: Int
    /// Voxels of the class in both at once.
    public let both: Int
    /// The scored metrics.
    public let metrics: [VolumeMetric]
    /// The values if the class is in both volumes.
    private let measured: MetricValues

    /// Measures `metrics` if the class is in both volumes.
    init(value: Int, name: String, measurement: ClassMeasurement, metrics: [VolumeMetric]) {
        (self.value, self.name, self.metrics) = (value, name, metrics)
        (predicted, labelled, both) = (measurement.predicted, measurement.labelled, measurement.both)
        var measured = MetricValues()
        if predicted > 0, labelled > 0 { for metric in metrics { measured[metric] = metric.value(measurement) } }
        self.measured = measured
    }

    private init(value: Int, name: String, predicted: Int, labelled: Int, both: Int, metrics: [VolumeMetric], measured: MetricValues) {
        (self.value, self.name, self.metrics, self.measured) = (value, name, metrics, measured)
        (self.predicted, self.labelled, self.both) = (predicted, labelled, both)
    }

    /// The scores of the paper's Table II from a known distance, which is nil unless the class is
    /// in both volumes.
    package init(value: Int, name: String, predicted: Int, labelled: Int, both: Int, hd95: Double?) {
        var measured = MetricValues()
        if predicted > 0, labelled > 0 {
            measured[.dice] = 2 * Double(both) / Double(predicted + labelled)
            measured[.hd95] = hd95
        }
        self.init(
            value: value, name: name, predicted: predicted, labelled: labelled, both: both, metrics: VolumeMetric.published,
            measured: measured)
    }

    /// The volumes in which a class occurs.
    public enum Presence: String, Sendable, Codable {
        case both, predictedOnly = "predicted_only", missed, absent
    }

    /// The volumes in which the class occurs.
    public var presence: Presence {
        switch (predicted > 0, labelled > 0) {
        case (true, true): .both
        case (true, false): .predictedOnly
        case (false, true): .missed
        case (false, false): .absent
        }
    }

    /// The strict score: nil if the class is in neither volume, the metric's own value if it is in
    /// only one.
    public subscript(metric: VolumeMetric) -> Double? {
        switch presence {
        case .both: measured[metric]
        case .predictedOnly: metric.spurious
        case .missed: metric.missed
        case .absent: nil
        }
    }

    /// The paper's score: predicted but absent gives Dice 1 and HD95 0; missed or absent gives 0.
    public func published(_ metric: VolumeMetric) -> Double {
        switch presence {
        case .both: measured[metric] ?? 0
        case .predictedOnly: metric.publishedSpurious ?? 0
        case .missed, .absent: 0
        }
    }

    /// The Dice coefficient; 0 if the class is in only one volume, nil if it is in neither.
    public var dice: Double? { self[.dice] }
    /// The 95th percentile surface distance; nil unless the class is in both volumes.
    public var hd95: Double? { measured[.hd95] }
}

extension ClassScore: Codable {
    private enum Fixed: String, CaseIterable {
        case value, name, predicted, labelled, both, presence
        var key: MetricKey { MetricKey(rawValue) }
    }

    /// Writes the presence too. Undefined and infinite numbers are null, so that every key is
    /// present.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try container.encode(value, forKey: Fixed.value.key)
        try container.encode(name, forKey: Fixed.name.key)
        try container.encode(predicted, forKey: Fixed.predicted.key)
        try container.encode(labelled, forKey: Fixed.labelled.key)
        try container.encode(both, forKey: Fixed.both.key)
        try container.encode(presence, forKey: Fixed.presence.key)
        var values = MetricValues()
        for metric in metrics { values[metric] = self[metric] }
        try values.encode(metrics, into: &container)
    }

    /// Read as it is written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        let (metrics, values) = try MetricValues.decode(container)
        let predicted = try container.decode(Int.self, forKey: Fixed.predicted.key)
        let labelled = try container.decode(Int.self, forKey: Fixed.labelled.key)
        self.init(
            value: try container.decode(Int.self, forKey: Fixed.value.key), name: try container.decode(String.self, forKey: Fixed.name.key),
            predicted: predicted, labelled: labelled, both: try container.decode(Int.self, forKey: Fixed.both.key), metrics: metrics,
            measured: predicted > 0 && labelled > 0 ? values : MetricValues())
    }
}
