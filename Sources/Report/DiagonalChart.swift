import Files
import Foundation

/// A promise against its outcome, both in percent: bars for ranges of the promise, or a dot for each
/// case. On the diagonal the promise holds.
struct DiagonalChart {
    /// A range of the promise, and its outcome.
    struct Bar {
        var from: Double, to: Double
        var outcome: Double
        var told: String
    }

    /// One case.
    struct Dot {
        var promise: Double
        var outcome: Double
        var told: String
    }

    var title: String
    var xLabel: String
    var yLabel: String
    /// Lines of the legend.
    var legend: [String]
    var bars: [Bar] = []
    var dots: [Dot] = []

    var html: HTML {
        let notes = HTML.each(legend) { "<li>\($0)</li>" }
        let ticks = HTML.each([0.0, 0.25, 0.5, 0.75, 1]) { share in
            """
            <line class="grid" x1="\(x(0).svg)" x2="\(x(1).svg)" y1="\(y(share).svg)" y2="\(y(share).svg)"/>\
            <text class="tick" x="\((ChartFrame.left - 7).svg)" y="\((y(share) + 4).svg)" text-anchor="end">\(Int(share * 100))</text>\
            <text class="tick" x="\(x(share).svg)" y="\((y(0) + 18).svg)" text-anchor="middle">\(Int(share * 100))</text>
            """
        }
        let columns = HTML.each(bars) { bar in
            """
            <rect class="bar c1" x="\((x(bar.from) + 1).svg)" y="\(y(bar.outcome).svg)" width="\(max(x(bar.to) - x(bar.from) - 2, 1).svg)" \
            height="\((y(0) - y(bar.outcome)).svg)"><title>\(bar.told)</title></rect>
            """
        }
        let cases = HTML.each(dots) { dot in
            "<circle class=\"dot c1\" cx=\"\(x(dot.promise).svg)\" cy=\"\(y(dot.outcome).svg)\" r=\"4\"><title>\(dot.told)</title></circle>"
        }
        let middle = ((x(0) + x(1)) / 2, (y(0) + y(1)) / 2)
        return """
            <figure class="card chart"><h3>\(title)</h3><ul class="legend">\(notes)</ul>
            <svg viewBox="0 0 \(Int(ChartFrame.width)) \(Int(ChartFrame.height))" role="img" aria-label="\(title): \(yLabel) by \(xLabel)">\(ticks)\(columns)\
            <line class="mark" x1="\(x(0).svg)" y1="\(y(0).svg)" x2="\(x(1).svg)" y2="\(y(1).svg)"/>\(cases)\
            <line class="axis" x1="\(x(0).svg)" x2="\(x(1).svg)" y1="\(y(0).svg)" y2="\(y(0).svg)"/>\
            <text class="name" x="\(middle.0.svg)" y="\((ChartFrame.height - 6).svg)" text-anchor="middle">\(xLabel)</text>\
            <text class="name" transform="translate(12 \(middle.1.svg)) rotate(-90)" text-anchor="middle">\(yLabel)</text></svg>
            </figure>

            """
    }

    private func x(_ share: Double) -> Double {
        ChartFrame.left + Self.clamped(share) * (ChartFrame.width - ChartFrame.left - ChartFrame.right)
    }
    private func y(_ share: Double) -> Double {
        ChartFrame.height - ChartFrame.bottom - Self.clamped(share) * (ChartFrame.height - ChartFrame.top - ChartFrame.bottom)
    }
    private static func clamped(_ share: Double) -> Double { share.isFinite ? min(max(share, 0), 1) : 0 }
}
