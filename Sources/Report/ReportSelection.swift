/// Chooses the pictures that a report shows.
enum ReportSelection {
    struct Choice: Equatable {
        var rank: String
        var index: Int
    }

    /// The best, middle and worst by score, up to `each` of a rank and no picture twice. Pictures
    /// without a score are left out.
    static func bestMedianWorst(_ scores: [Double?], each: Int) -> [Choice] {
        let sorted = ranked(scores)
        let n = max(min(each, sorted.count / 3), min(1, sorted.count))
        guard n > 0 else { return [] }
        var choices = sorted.prefix(n).map { Choice(rank: "best", index: $0) }
        if sorted.count > 2 {
            choices += sorted[(sorted.count - n) / 2..<(sorted.count - n) / 2 + n].map { Choice(rank: "median", index: $0) }
        }
        if sorted.count > 1 { choices += sorted.suffix(n).reversed().map { Choice(rank: "worst", index: $0) } }
        return choices
    }

    /// For comparing runs: the best, middle and worst by mean score, and up to `disputed` pictures
    /// on which the runs disagree most.
    static func compared(_ runs: [[Double?]], disputed: Int) -> [Choice] {
        let count = runs.map(\.count).min() ?? 0
        let known = (0..<count).map { i in runs.compactMap { $0[i] }.filter(\.isFinite) }
        var choices = bestMedianWorst(known.map { $0.count == runs.count ? $0.reduce(0, +) / Double($0.count) : nil }, each: 1)
        let spread = known.map { values in values.count == runs.count ? (values.max() ?? 0) - (values.min() ?? 0) : nil }
        let others = ranked(spread).filter { index in (spread[index] ?? 0) > 0 && !choices.contains { $0.index == index } }
        choices += others.prefix(disputed).map { Choice(rank: "runs differ", index: $0) }
        return choices
    }

    /// The indices of the highest scores, up to `count` and a third of all.
    static func highest(_ scores: [Double?], _ count: Int) -> [Int] {
        let sorted = ranked(scores)
        return Array(sorted.prefix(max(min(count, sorted.count / 3), min(1, sorted.count))))
    }

    /// Indices by descending score; ties keep their order.
    private static func ranked(_ scores: [Double?]) -> [Int] {
        scores.indices.filter { scores[$0]?.isFinite ?? false }.sorted { (scores[$0] ?? 0, $1) > (scores[$1] ?? 0, $0) }
    }
}
