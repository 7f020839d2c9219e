/// How well a number finds the cases that went wrong.
public struct Ranking: Sendable, Codable, Equatable {
    /// The number: `expected_error`, `entropy`, `mutual_information`.
    public var number: String
    /// The chance that a case of the worst tenth has a greater number than another: the area under
    /// the ROC curve, 0.5 for none.
    public var auroc: Double
    /// Cases in the worst tenth.
    public var worst: Int
    /// The IoU at or below which a case is one of them.
    public var miou: Double

    /// The area under the ROC curve of scores for cases that are positive or not; ties count half.
    /// Nil unless there are both.
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

    /// Each number's ranking of cases by IoU: the worst tenth, at least one, of those with an IoU.
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
