import Files
import Foundation

/// Shares in percent as horizontal bars: a group for each class, with one bar for each run or
/// score.
struct BarChart {
    struct Group {
        var name: String
        /// In the order of ``BarChart/names``; nil for a missing score.
        var values: [Double?]
    }

    var title: String
    /// The name of each bar in a group.
    var names: [String]
    var groups: [Group]

    private static let (width, left, right) = (460.0, 118.0, 52.0)
    private static let (bar, gap) = (11.0, 10.0)
    /// The most letters that fit left of the bars.
    private static let longestName = 17

    var html: HTML {
        let each = Double(names.count) * (Self.bar + 2) + Self.gap
        let height = Double(groups.count) * each + 22
        let legend = HTML.each(names.enumerated()) { i, name in "<li><span class=\"key c\(i % 8 + 1)\"></span>\(name)</li>" }
        let rows = HTML.each(groups.enumerated()) { i, group in row(group, top: Double(i) * each, middle: (each - Self.gap) / 2) }
        let grid = HTML.each([0.0, 0.25, 0.5, 0.75, 1]) { share in
            """
            <line class="grid" x1="\(x(share).svg)" x2="\(x(share).svg)" y1="0" y2="\((height - 20).svg)"/>\
            <text class="tick" x="\(x(share).svg)" y="\((height - 5).svg)" text-anchor="middle">\(Int(share * 100))\(share == 1 ? " %" : "")</text>
            """
        }
        return """
            <figure class="card chart bars"><h3>\(title)</h3><ul class="legend">\(legend)</ul>
            <svg viewBox="0 0 \(Int(Self.width)) \(Int(height.rounded(.up)))" role="img" aria-label="\(title)">\(grid)\(rows)</svg>
            </figure>

            """
    }

    private func x(_ share: Double) -> Double { Self.left + share * (Self.width - Self.left - Self.right) }

    private func row(_ group: Group, top: Double, middle: Double) -> HTML {
        let short = group.name.count > Self.longestName ? group.name.prefix(Self.longestName - 1) + "…" : group.name[...]
        let bars = HTML.each(group.values.enumerated()) { i, value in
            let y = top + Double(i) * (Self.bar + 2)
            let share = value.flatMap { $0.isFinite ? min(max($0, 0), 1) : nil }
            let told = "\(group.name): \(i < names.count ? names[i] : "") \(percent(share))"
            return """
                <rect class="bar c\(i % 8 + 1)" x="\(x(0).svg)" y="\(y.svg)" width="\((x(share ?? 0) - x(0)).svg)" height="\(Self.bar.svg)" rx="2"><title>\(told)</title></rect>\
                <text class="tick" x="\((x(share ?? 0) + 5).svg)" y="\((y + 9.5).svg)">\(percent(share))</text>
                """
        }
        return
            "<text class=\"name\" x=\"\((Self.left - 8).svg)\" y=\"\((top + middle + 4).svg)\" text-anchor=\"end\"><title>\(group.name)</title>\(String(short))</text>\(bars)"
    }
}
