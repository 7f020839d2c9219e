/// The pixels of a binary segmentation by truth and prediction. Every score is a function of these
/// four counts.
public struct ConfusionCounts: Sendable, Hashable, Codable {
    /// Foreground that was predicted as foreground.
    public var truePositives = 0
    /// Background that was predicted as foreground.
    public var falsePositives = 0
    /// Foreground that was predicted as background.
    public var falseNegatives = 0
    /// Background that was predicted as background.
    public var trueNegatives = 0

    private enum CodingKeys: String, CodingKey {
        case truePositives = "true_positives", falsePositives = "false_positives"
        case falseNegatives = "false_negatives", trueNegatives = "true_negatives"
    }

    /// Known counts.
    public init(truePositives: Int = 0, falsePositives: Int = 0, falseNegatives: Int = 0, trueNegatives: Int = 0) {
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
        self.trueNegatives = trueNegatives
    }

    /// Counts probabilities against a truth in 0…1: foreground is at least `threshold` and at least
    /// 0.5, respectively. Leaves out pixels with a negative truth, which are unlabelled.
    public init(probabilities: some Collection<Float>, truth: some Collection<Float>, threshold: Float = 0.5) {
        for (p, t) in zip(probabilities, truth) where t >= 0 { add(predicted: p >= threshold, truth: t >= 0.5) }
    }

    /// Counts one class of label maps against all others. Leaves out pixels whose truth is
    /// `ignored`.
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

    /// The counts of both together.
    public static func + (a: ConfusionCounts, b: ConfusionCounts) -> ConfusionCounts {
        ConfusionCounts(
            truePositives: a.truePositives + b.truePositives, falsePositives: a.falsePositives + b.falsePositives,
            falseNegatives: a.falseNegatives + b.falseNegatives, trueNegatives: a.trueNegatives + b.trueNegatives)
    }

    /// Adds another's counts.
    public static func += (a: inout ConfusionCounts, b: ConfusionCounts) { a = a + b }
}
