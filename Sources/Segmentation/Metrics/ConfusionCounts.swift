/// Pixels of a binary segmentation by truth and prediction; every score is a function of these four.
public struct ConfusionCounts: Sendable, Hashable, Codable {
    public var truePositives = 0
    public var falsePositives = 0
    public var falseNegatives = 0
    public var trueNegatives = 0

    public init(truePositives: Int = 0, falsePositives: Int = 0, falseNegatives: Int = 0, trueNegatives: Int = 0) {
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
        self.trueNegatives = trueNegatives
    }

    /// Counts probabilities against truth in 0…1: foreground is at least `threshold` in the one, at least 0.5 in the other.
    public init(probabilities: some Collection<Float>, truth: some Collection<Float>, threshold: Float = 0.5) {
        for (p, t) in zip(probabilities, truth) { add(predicted: p >= threshold, truth: t >= 0.5) }
    }

    /// Counts one class of label maps: it against all others. Pixels whose truth is `ignored` are left out.
    public init(labels: some Collection<UInt8>, truth: some Collection<UInt8>, of label: UInt8, ignoring ignored: Int? = nil) {
        for (p, t) in zip(labels, truth) where ignored != Int(t) { add(predicted: p == label, truth: t == label) }
    }

    private mutating func add(predicted: Bool, truth: Bool) {
        switch (predicted, truth) {
        case (true, true): truePositives += 1
        case (true, false): falsePositives += 1
        case (false, true): falseNegatives += 1
        case (false, false): trueNegatives += 1
        }
    }

    public static func + (a: ConfusionCounts, b: ConfusionCounts) -> ConfusionCounts {
        ConfusionCounts(
            truePositives: a.truePositives + b.truePositives, falsePositives: a.falsePositives + b.falsePositives,
            falseNegatives: a.falseNegatives + b.falseNegatives, trueNegatives: a.trueNegatives + b.trueNegatives)
    }

    public static func += (a: inout ConfusionCounts, b: ConfusionCounts) { a = a + b }
}

/// The scores of the paper's Tables I and III, each in 0…1; nil where its denominator is zero and it says nothing.
public struct BinaryScores: Sendable, Hashable, Codable {
    /// TP / (TP + FP + FN). The paper calls the IoU of the foreground mIoU.
    public var miou: Double?
    /// 2TP / (2TP + FP + FN).
    public var dsc: Double?
    public var accuracy: Double?
    /// TN / (TN + FP).
    public var specificity: Double?
    /// TP / (TP + FN).
    public var sensitivity: Double?

    public init(_ counts: ConfusionCounts) {
        let (tp, fp) = (Double(counts.truePositives), Double(counts.falsePositives))
        let (fn, tn) = (Double(counts.falseNegatives), Double(counts.trueNegatives))
        func ratio(_ a: Double, _ b: Double) -> Double? { b > 0 ? a / b : nil }
        miou = ratio(tp, tp + fp + fn)
        dsc = ratio(2 * tp, 2 * tp + fp + fn)
        accuracy = ratio(tp + tn, tp + tn + fp + fn)
        specificity = ratio(tn, tn + fp)
        sensitivity = ratio(tp, tp + fn)
    }

    /// The mean of each score over those that have one.
    public init(meanOf scores: [BinaryScores]) {
        func mean(_ value: (BinaryScores) -> Double?) -> Double? {
            let values = scores.compactMap(value)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        miou = mean(\.miou)
        dsc = mean(\.dsc)
        accuracy = mean(\.accuracy)
        specificity = mean(\.specificity)
        sensitivity = mean(\.sensitivity)
    }

    /// Absent scores are written as null, so that readers find every key.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(miou, forKey: .miou)
        try container.encode(dsc, forKey: .dsc)
        try container.encode(accuracy, forKey: .accuracy)
        try container.encode(specificity, forKey: .specificity)
        try container.encode(sensitivity, forKey: .sensitivity)
    }
}
