import Files
import Foundation

/// The number of pictures by score: columns of equal width over 0…100 %.
struct Histogram {
    var title: String
    var xLabel: String
    /// Shares in 0…1.
    var values: [Double]

    private static let bins = 20

    /// Pictures in each column; a score of 1 counts in the last.
    var counts: [Int] {
        var counts = [Int](repeating: 0, count: Self.bins)
        for value in values where (0...1).contains(value) { counts[min(Int(value * Double(Self.bins)), Self.bins - 1)] += 1 }
        return counts
    }

    var html: HTML {
        let counts = counts
        let y = ChartAxis.linear(over: [0, Double(max(counts.max() ?? 1, 4))], count: 4)
        let (right, floor) = (ChartFrame.width - ChartFrame.right, ChartFrame.height - ChartFrame.bottom)
        let step = (right - ChartFrame.left) / Double(Self.bins)
        func height(_ count: Double) -> Double { y.position(count) * (floor - ChartFrame.top) }
        let rows = HTML.each(y.ticks.filter { $0.value == $0.value.rounded() }) { tick in
            let at = floor - height(tick.value)
            return """
                <line class="grid" x1="\(ChartFrame.left.svg)" x2="\(right.svg)" y1="\(at.svg)" y2="\(at.svg)"/>\
                <text class="tick" x="\((ChartFrame.left - 7).svg)" y="\((at + 4).svg)" text-anchor="end">\(Int(tick.value))</text>
                """
        }
        let ticks = HTML.each(stride(from: 0, through: Self.bins, by: 4)) { i in
            """
            <text class="tick" x="\((ChartFrame.left + Double(i) * step).svg)" y="\((floor + 18).svg)" text-anchor="middle">\(i * 100 / Self.bins)</text>
            """
        }
        let bars = HTML.each(counts.enumerated()) { i, count in
            let told = "\(i * 100 / Self.bins)–\((i + 1) * 100 / Self.bins) %: \(count) of \(values.count)"
            return """
                <rect class="bar c1" x="\((ChartFrame.left + Double(i) * step + 1).svg)" y="\((floor - height(Double(count))).svg)" \
                width="\((step - 2).svg)" height="\(height(Double(count)).svg)"><title>\(told)</title></rect>
                """
        }
        let middle = ((ChartFrame.left + right) / 2, (ChartFrame.top + floor) / 2)
        return """
            <figure class="card chart"><h3>\(title)</h3><ul class="legend"><li>median <b>\(percent(median))</b></li></ul>
            <svg viewBox="0 0 \(Int(ChartFrame.width)) \(Int(ChartFrame.height))" role="img" aria-label="\(title)">\(rows)\(bars)\(ticks)\
            <line class="axis" x1="\(ChartFrame.left.svg)" x2="\(right.svg)" y1="\(floor.svg)" y2="\(floor.svg)"/>\
            <text class="name" x="\(middle.0.svg)" y="\((ChartFrame.height - 6).svg)" text-anchor="middle">\(xLabel)</text>\
            <text class="name" transform="translate(12 \(middle.1.svg)) rotate(-90)" text-anchor="middle">pictures</text></svg>
            </figure>

            """
    }

    private var median: Double? {
        let sorted = values.filter(\.isFinite).sorted()
        guard !sorted.isEmpty else { return nil }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
