/// A score of a binary segmentation: a name, and a function of the four counts.
///
/// To add one, write it below and add it to ``all``: files, tables, curves and TensorBoard then
/// have it.
public struct BinaryMetric: Sendable, Hashable {
    /// The key in files: "miou".
    public let name: String
    /// The name in tables: "mIoU".
    public let title: String
    /// The score in 0…1; nil if its denominator is zero.
    let score: @Sendable (ConfusionCounts) -> Double?

    /// TP / (TP + FP + FN): the foreground's IoU, which the paper calls mIoU.
    public static let iou = BinaryMetric("miou", "mIoU") {
        ratio($0.truePositives, $0.truePositives + $0.falsePositives + $0.falseNegatives)
    }
    /// 2TP / (2TP + FP + FN).
    public static let dice = BinaryMetric("dsc", "DSC") {
        ratio(2 * $0.truePositives, 2 * $0.truePositives + $0.falsePositives + $0.falseNegatives)
    }
    /// (TP + TN) / all.
    public static let accuracy = BinaryMetric("accuracy", "Acc") {
        ratio($0.truePositives + $0.trueNegatives, $0.truePositives + $0.trueNegatives + $0.falsePositives + $0.falseNegatives)
    }
    /// TN / (TN + FP).
    public static let specificity = BinaryMetric("specificity", "Spe") { ratio($0.trueNegatives, $0.trueNegatives + $0.falsePositives) }
    /// TP / (TP + FN).
    public static let sensitivity = BinaryMetric("sensitivity", "Sen") { ratio($0.truePositives, $0.truePositives + $0.falseNegatives) }

    /// The scores of the paper's Tables I and III, in their order.
    public static let all = [iou, dice, accuracy, specificity, sensitivity]

    init(_ name: String, _ title: String, _ score: @escaping @Sendable (ConfusionCounts) -> Double?) {
        (self.name, self.title, self.score) = (name, title, score)
    }

    private static func ratio(_ a: Int, _ b: Int) -> Double? { b > 0 ? Double(a) / Double(b) : nil }

    /// Metrics of one name are one.
    public static func == (a: BinaryMetric, b: BinaryMetric) -> Bool { a.name == b.name }
    /// By the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// All scores of ``BinaryMetric/all`` in 0…1; nil if undefined.
public struct BinaryScores: Sendable, Hashable, Codable {
    private var values: [BinaryMetric: Double] = [:]

    /// The scores of these counts.
    public init(_ counts: ConfusionCounts) {
        for metric in BinaryMetric.all { self[metric] = metric.score(counts) }
    }

    /// The mean of each score over those that are defined.
    public init(meanOf scores: [BinaryScores]) {
        for metric in BinaryMetric.all {
            let known = scores.compactMap { $0[metric] }
            self[metric] = known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
        }
    }

    /// One score.
    public subscript(metric: BinaryMetric) -> Double? {
        get { values[metric] }
        set { values[metric] = newValue }
    }

    /// The foreground's IoU, which the paper calls mIoU.
    public var miou: Double? {
        get { self[.iou] }
        set { self[.iou] = newValue }
    }
    /// The Dice coefficient.
    public var dsc: Double? {
        get { self[.dice] }
        set { self[.dice] = newValue }
    }
}

extension BinaryScores {
    /// Reads the scores that are present.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: MetricKey.self)
        for metric in BinaryMetric.all { self[metric] = try container.decodeIfPresent(Double.self, forKey: MetricKey(metric.name)) }
    }

    /// Undefined scores are written as null, so that readers find every key.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: MetricKey.self)
        for metric in BinaryMetric.all { try container.encode(self[metric], forKey: MetricKey(metric.name)) }
    }
}

/// A metric's name as a key of a file.
struct MetricKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
