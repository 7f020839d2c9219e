/// The scores of a set of volumes: means over volumes for each class, and over classes, under both
/// scorings.
public struct VolumeScoreSummary: Sendable, Codable, Equatable {
    /// Published scoring: every class of every volume counts (see ``ClassScore/published(_:)``).
    public let published: Published
    /// Honest scoring: classes absent from both volumes are left out, and infinite distances are
    /// counted separately.
    public let honest: Honest
    /// The volumes' own scores, in order.
    public let volumes: [VolumeScores]

    /// The paper's scoring.
    public struct Published: Sendable, Equatable {
        /// The scored metrics.
        public let metrics: [VolumeMetric]
        /// The mean of the classes' means.
        public let means: MetricValues
        /// A mean over volumes for each class.
        public let classes: [Class]
        /// The mean Dice.
        public var dice: Double { means[.dice] ?? 0 }
        /// The mean HD95.
        public var hd95: Double { means[.hd95] ?? 0 }

        /// One class.
        public struct Class: Sendable, Equatable {
            /// The class's number in the labels.
            public let value: Int
            /// The class's name.
            public let name: String
            /// The scored metrics.
            public let metrics: [VolumeMetric]
            /// Means over volumes.
            public let means: MetricValues
            /// The mean Dice.
            public var dice: Double { means[.dice] ?? 0 }
            /// The mean HD95.
            public var hd95: Double { means[.hd95] ?? 0 }
        }
    }

    /// Honest scoring.
    public struct Honest: Sendable, Equatable {
        /// The scored metrics.
        public let metrics: [VolumeMetric]
        /// The mean of the classes' means over finite values; nil if there was none.
        public let means: MetricValues
        /// The number of (class, volume) pairs with infinite distance: predicted but absent, or
        /// missed.
        public let infinite: Int
        /// The number of (class, volume) pairs left out: absent from both.
        public let absent: Int
        /// A mean over volumes for each class.
        public let classes: [Class]
        /// The mean Dice; nil if no class was in any volume.
        public var dice: Double? { means[.dice] }
        /// The mean HD95; nil if no class was in both volumes.
        public var hd95: Double? { means[.hd95] }

        /// One class.
        public struct Class: Sendable, Equatable {
            /// The class's number in the labels.
            public let value: Int
            /// The class's name.
            public let name: String
            /// The scored metrics.
            public let metrics: [VolumeMetric]
            /// Means over the volumes with a finite value.
            public let means: MetricValues
            /// The number of volumes in which it was predicted but is absent.
            public let predictedOnly: Int
            /// The number of volumes in which it was missed.
            public let missed: Int
            /// The number of volumes in which it is in neither.
            public let absent: Int
            /// The mean Dice.
            public var dice: Double? { means[.dice] }
            /// The mean HD95.
            public var hd95: Double? { means[.hd95] }
        }
    }

    /// Averages the scores of volumes that were scored with equal classes. Throws `VolumeError` for
    /// no volumes or differing classes.
    public init(_ volumes: [VolumeScores]) throws(VolumeError) {
        guard let first = volumes.first else {
            throw VolumeError(operation: "volume score summary", expected: "at least one volume", got: "none")
        }
        let values = first.classes.map(\.value)
        for volume in volumes where volume.classes.map(\.value) != values {
            throw VolumeError(operation: "volume score summary", expected: "classes \(values)", got: "\(volume.classes.map(\.value))")
        }
        self.volumes = volumes
        let metrics = first.classes.first?.metrics ?? VolumeMetric.published
        let publishedMetrics = metrics.filter { $0.publishedSpurious != nil }

        var publishedClasses: [Published.Class] = []
        var honestClasses: [Honest.Class] = []
        for (index, reference) in first.classes.enumerated() {
            let scores = volumes.map { $0.classes[index] }
            publishedClasses.append(
                .init(
                    value: reference.value, name: reference.name, metrics: publishedMetrics,
                    means: Self.means(publishedMetrics) { metric in scores.map { $0.published(metric) } }))
            let count = { (presence: ClassScore.Presence) in scores.count { $0.presence == presence } }
            honestClasses.append(
                .init(
                    value: reference.value, name: reference.name, metrics: metrics,
                    means: Self.means(metrics) { metric in scores.compactMap { $0[metric] }.filter(\.isFinite) },
                    predictedOnly: count(.predictedOnly), missed: count(.missed), absent: count(.absent)))
        }
        published = Published(
            metrics: publishedMetrics, means: Self.means(publishedMetrics) { metric in publishedClasses.map { $0.means[metric] ?? 0 } },
            classes: publishedClasses)
        honest = Honest(
            metrics: metrics, means: Self.means(metrics) { metric in honestClasses.compactMap { $0.means[metric] } },
            infinite: honestClasses.reduce(0) { $0 + $1.predictedOnly + $1.missed },
            absent: honestClasses.reduce(0) { $0 + $1.absent }, classes: honestClasses)
    }

    /// The mean of each metric's values; none without values.
    private static func means(_ metrics: [VolumeMetric], _ values: (VolumeMetric) -> [Double]) -> MetricValues {
        var means = MetricValues()
        for metric in metrics {
            let values = values(metric)
            if !values.isEmpty { means[metric] = values.reduce(0, +) / Double(values.count) }
        }
        return means
    }
}

// MARK: - Files

extension VolumeScoreSummary.Published: Codable {
    /// Written with one key a metric.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try means.encode(metrics, into: &container)
        try container.encode(classes, forKey: MetricKey("classes"))
    }

    /// Read as it is written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        (metrics, means) = try MetricValues.decode(container)
        classes = try container.decode([Class].self, forKey: MetricKey("classes"))
    }
}

extension VolumeScoreSummary.Published.Class: Codable {
    /// Written with one key a metric.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try container.encode(value, forKey: MetricKey("value"))
        try container.encode(name, forKey: MetricKey("name"))
        try means.encode(metrics, into: &container)
    }

    /// Read as it is written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        (metrics, means) = try MetricValues.decode(container)
        value = try container.decode(Int.self, forKey: MetricKey("value"))
        name = try container.decode(String.self, forKey: MetricKey("name"))
    }
}

extension VolumeScoreSummary.Honest: Codable {
    /// Written with one key a metric.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try means.encode(metrics, into: &container)
        try container.encode(infinite, forKey: MetricKey("infinite"))
        try container.encode(absent, forKey: MetricKey("absent"))
        try container.encode(classes, forKey: MetricKey("classes"))
    }

    /// Read as it is written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        (metrics, means) = try MetricValues.decode(container)
        infinite = try container.decode(Int.self, forKey: MetricKey("infinite"))
        absent = try container.decode(Int.self, forKey: MetricKey("absent"))
        classes = try container.decode([Class].self, forKey: MetricKey("classes"))
    }
}

extension VolumeScoreSummary.Honest.Class: Codable {
    /// Written with one key a metric.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        try container.encode(value, forKey: MetricKey("value"))
        try container.encode(name, forKey: MetricKey("name"))
        try means.encode(metrics, into: &container)
        try container.encode(predictedOnly, forKey: MetricKey("predicted_only"))
        try container.encode(missed, forKey: MetricKey("missed"))
        try container.encode(absent, forKey: MetricKey("absent"))
    }

    /// Read as it is written.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        (metrics, means) = try MetricValues.decode(container)
        value = try container.decode(Int.self, forKey: MetricKey("value"))
        name = try container.decode(String.self, forKey: MetricKey("name"))
        predictedOnly = try container.decode(Int.self, forKey: MetricKey("predicted_only"))
        missed = try container.decode(Int.self, forKey: MetricKey("missed"))
        absent = try container.decode(Int.self, forKey: MetricKey("absent"))
    }
}
