/// The power of an uncertainty measure to find the worst-segmented cases.
public struct Ranking: Sendable, Codable, Equatable {
    /// The measure: `expected_error`, `entropy` or `mutual_information`.
    public var number: String
    /// The area under the ROC curve: the chance that a case of the worst tenth has a greater value
    /// than another case. A useless measure has 0.5.
    public var auroc: Double
    /// Cases in the worst tenth.
    public var worst: Int
    /// The highest IoU of the worst tenth.
    public var miou: Double

    /// The area under the ROC curve; ties count half. Nil unless there are positive and negative
    /// cases.
    static func auroc(_ scores: [Double], isPositive: [Bool]) -> Double? {
        let order = scores.indices.sorted { scores[$0] < scores[$1] }
        let positives = isPositive.count { $0 }, negatives = scores.count - positives
        guard positives > 0, negatives > 0 else { return nil }
        var (rankSum, start) = (0.0, 0)
        while start < order.count {
            var end = start
            while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
            // Ranks start + 1 … end, shared by equal scores.
            let rank = Double(start + 1 + end) / 2
            for place in start..<end where isPositive[order[place]] { rankSum += rank }
            start = end
        }
        let pairs = Double(positives) * Double(negatives)
        return (rankSum - Double(positives) * Double(positives + 1) / 2) / pairs
    }

    /// The ranking of each measure. Only cases with an IoU count; the worst tenth of them, at least
    /// one, are positive.
    static func rankings(_ cases: [(miou: Double?, doubt: Doubt)]) -> [Ranking] {
        let known = cases.compactMap { item in item.miou.map { (miou: $0, doubt: item.doubt) } }
        guard known.count > 1 else { return [] }
        let worst = max(1, known.count / 10)
        let limit = known.map(\.miou).sorted()[worst - 1]
        let isPositive = known.map { $0.miou <= limit }
        return Doubt.numbers.compactMap { name, value in
            let scores = known.compactMap { value($0.doubt) }
            guard scores.count == known.count, let area = auroc(scores, isPositive: isPositive) else { return nil }
            return Ranking(number: name, auroc: area, worst: isPositive.count { $0 }, miou: limit)
        }
    }
}
