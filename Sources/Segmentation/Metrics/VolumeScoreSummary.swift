/// The scores of a set of volumes: means over volumes for each class, and over the classes, under both scorings.
public struct VolumeScoreSummary: Sendable, Codable, Equatable {
    /// Published scoring: every class of every volume counts (see `ClassScore.published`).
    public let published: Published
    /// Honest scoring: what is absent from both volumes is left out, infinite distances are counted apart.
    public let honest: Honest
    /// The volumes themselves, in order.
    public let volumes: [VolumeScores]

    public struct Published: Sendable, Codable, Equatable {
        public let dice: Double
        public let hd95: Double
        public let classes: [PublishedClass]
    }

    public struct PublishedClass: Sendable, Codable, Equatable {
        public let value: Int
        public let name: String
        public let dice: Double
        public let hd95: Double
    }

    public struct Honest: Sendable, Codable, Equatable {
        /// The mean of the classes' means; nil where no class was in any volume.
        public let dice: Double?
        /// The mean of the classes' means over finite distances; nil where there was none.
        public let hd95: Double?
        /// Pairs of class and volume whose distance is infinite: predicted where there is none, or missed.
        public let infinite: Int
        /// Pairs of class and volume left out: absent from both.
        public let absent: Int
        public let classes: [HonestClass]
    }

    public struct HonestClass: Sendable, Codable, Equatable {
        public let value: Int
        public let name: String
        public let dice: Double?
        public let hd95: Double?
        public let predictedOnly: Int
        public let missed: Int
        public let absent: Int

        private enum CodingKeys: String, CodingKey {
            case value, name, dice, hd95, predictedOnly = "predicted_only", missed, absent
        }
    }

    /// Averages the scores of volumes that were scored with the same classes; throws `VolumeError` for none, or for differing classes.
    public init(_ volumes: [VolumeScores]) throws(VolumeError) {
        guard let first = volumes.first else {
            throw VolumeError(operation: "volume score summary", expected: "at least one volume", got: "none")
        }
        let values = first.classes.map(\.value)
        for volume in volumes where volume.classes.map(\.value) != values {
            throw VolumeError(operation: "volume score summary", expected: "classes \(values)", got: "\(volume.classes.map(\.value))")
        }
        self.volumes = volumes

        var publishedClasses: [PublishedClass] = []
        var honestClasses: [HonestClass] = []
        for (index, reference) in first.classes.enumerated() {
            let scores = volumes.map { $0.classes[index] }
            publishedClasses.append(
                PublishedClass(
                    value: reference.value, name: reference.name, dice: mean(scores.map(\.published.dice)) ?? 0,
                    hd95: mean(scores.map(\.published.hd95)) ?? 0))
            let count = { (presence: ClassScore.Presence) in scores.count { $0.presence == presence } }
            honestClasses.append(
                HonestClass(
                    value: reference.value, name: reference.name, dice: mean(scores.compactMap(\.dice)),
                    hd95: mean(scores.compactMap(\.hd95)),
                    predictedOnly: count(.predictedOnly), missed: count(.missed), absent: count(.absent)))
        }
        published = Published(
            dice: mean(publishedClasses.map(\.dice)) ?? 0, hd95: mean(publishedClasses.map(\.hd95)) ?? 0, classes: publishedClasses)
        honest = Honest(
            dice: mean(honestClasses.compactMap(\.dice)), hd95: mean(honestClasses.compactMap(\.hd95)),
            infinite: honestClasses.reduce(0) { $0 + $1.predictedOnly + $1.missed }, absent: honestClasses.reduce(0) { $0 + $1.absent },
            classes: honestClasses)
    }
}

/// The arithmetic mean; nil for no values.
private func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
}
