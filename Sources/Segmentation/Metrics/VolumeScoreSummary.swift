/// The scores of a set of volumes: means over volumes for each class, and over classes, under both
/// scorings.
public struct VolumeScoreSummary: Sendable, Codable, Equatable {
    /// Published scoring: every class of every volume counts (see ``ClassScore/published(_:)``).
    public let published: Published
    /// Strict scoring: classes absent from both volumes are left out, and infinite distances are
    /// counted separately.
    public let strict: Strict
    /// The volumes' own scores, in order.
    public let volumes: [VolumeScores]

    /// The paper's scoring.
    public typealias Published = ScoredMeans<PublishedDetails>
    /// Strict scoring.
    public typealias Strict = ScoredMeans<StrictDetails>

    /// The paper's scoring of each class.
    public struct PublishedDetails: Sendable, Codable, Equatable {
        /// Means over volumes.
        public let classes: [ScoredMeans<Class>]

        /// One class.
        public struct Class: Sendable, Codable, Equatable {
            /// The class's number in the labels.
            public let value: Int
            /// The class's name.
            public let name: String
        }
    }

    /// Counts of strict scoring, and each class.
    public struct StrictDetails: Sendable, Codable, Equatable {
        /// The number of (class, volume) pairs with infinite distance: predicted but absent, or
        /// missed.
        public let infinite: Int
        /// The number of (class, volume) pairs left out: absent from both.
        public let absent: Int
        /// Means over the volumes with a finite value.
        public let classes: [ScoredMeans<Class>]

        /// One class.
        public struct Class: Sendable, Codable, Equatable {
            /// The class's number in the labels.
            public let value: Int
            /// The class's name.
            public let name: String
            /// The number of volumes in which it was predicted but is absent.
            public let predictedOnly: Int
            /// The number of volumes in which it was missed.
            public let missed: Int
            /// The number of volumes in which it is in neither.
            public let absent: Int

            private enum CodingKeys: String, CodingKey {
                case value, name, predictedOnly = "predicted_only", missed, absent
            }
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

        var publishedClasses: [ScoredMeans<PublishedDetails.Class>] = []
        var strictClasses: [ScoredMeans<StrictDetails.Class>] = []
        for (index, reference) in first.classes.enumerated() {
            let scores = volumes.map { $0.classes[index] }
            publishedClasses.append(
                .init(publishedMetrics, .init(value: reference.value, name: reference.name)) { metric in
                    scores.map { $0.published(metric) }
                })
            let count = { (presence: ClassScore.Presence) in scores.count { $0.presence == presence } }
            let counts = StrictDetails.Class(
                value: reference.value, name: reference.name, predictedOnly: count(.predictedOnly), missed: count(.missed),
                absent: count(.absent))
            strictClasses.append(.init(metrics, counts) { metric in scores.compactMap { $0[metric] }.filter(\.isFinite) })
        }
        published = Published(publishedMetrics, .init(classes: publishedClasses)) { metric in publishedClasses.map { $0.means[metric] ?? 0 }
        }
        strict = Strict(
            metrics,
            .init(
                infinite: strictClasses.reduce(0) { $0 + $1.predictedOnly + $1.missed }, absent: strictClasses.reduce(0) { $0 + $1.absent },
                classes: strictClasses)
        ) { metric in strictClasses.compactMap { $0.means[metric] } }
    }
}
