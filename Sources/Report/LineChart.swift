import Foundation

/// Curves over epochs: inline SVG with a legend in HTML. Colours are classes of the page's style.
struct LineChart {
    struct Point: Equatable {
        var x: Double
        var y: Double
    }

    struct Series {
        var name: String
        /// Index of the style's colour, from 1.
        var color: Int
        /// Ascending in x. Values that are not finite break the line.
        var points: [Point]
        /// Drawn faintly behind the other series, and clipped to their range.
        var isFaint = false
        /// The latest value, or another note for the legend.
        var note = ""
    }

    struct Mark {
        var x: Double
        var label: String
    }

    var title: String
    var xLabel = "epoch"
    var yLabel: String
    var series: [Series]
    var yScale = ChartAxis.Scale.linear
    var yBounds: ClosedRange<Double>?
    var mark: Mark?
    /// Formats the values shown under the pointer.
    var format: @Sendable (Double) -> String = { Figures.short($0) }

    /// Dots closer than this (between centres) would cut the line to pieces.
    private static let dotDistance = 12.0
    /// The most columns that show values; with more epochs, a column shows the first of several.
    private static let mostColumns = 400

    /// The chart with its title and legend, or a sentence if there is nothing to draw.
    var html: HTML {
        let drawn = series.filter { $0.points.contains { Self.isDrawable($0) } }
        guard !drawn.isEmpty else {
            return "<figure class=\"card chart\"><h3>\(title)</h3><p class=\"muted\">Nothing was recorded.</p></figure>\n"
        }
        let legend = HTML.each(drawn) { item in
            "<li><span class=\"key c\(item.color)\(item.isFaint ? " faint" : "")\"></span>\(item.name)\(item.note.isEmpty ? "" : " ")<b>\(item.note)</b></li>"
        }
        return """
            <figure class="card chart"><h3>\(title)</h3><ul class="legend">\(legend)</ul>
            \(svg(drawn))
            </figure>

            """
    }

    private static func isDrawable(_ point: Point) -> Bool { abs(point.x) <= ChartAxis.limit && abs(point.y) <= ChartAxis.limit }

    private func svg(_ drawn: [Series]) -> HTML {
        let leading = drawn.contains { !$0.isFaint } ? drawn.filter { !$0.isFaint } : drawn
        let (x, y) = axes(drawn, leading)
        let place = { (point: Point) in
            (
                ChartFrame.left + x.position(point.x) * (ChartFrame.width - ChartFrame.left - ChartFrame.right),
                ChartFrame.height - ChartFrame.bottom - y.position(point.y) * (ChartFrame.height - ChartFrame.top - ChartFrame.bottom)
            )
        }
        let lines = HTML.each(drawn.filter(\.isFaint) + drawn.filter { !$0.isFaint }) { line($0, y, place) }
        return """
            <svg viewBox="0 0 \(Int(ChartFrame.width)) \(Int(ChartFrame.height))" role="img" aria-label="\(title): \(drawn.map(\.name).joined(separator: ", ")) by \(xLabel)">
            \(frame(x, y, place))\(markLine(x, y, place))\(lines)\(columns(leading, place))
            </svg>
            """
    }

    private func axes(_ drawn: [Series], _ leading: [Series]) -> (x: ChartAxis, y: ChartAxis) {
        let xs = drawn.flatMap(\.points).filter(Self.isDrawable).map(\.x)
        var ys = leading.flatMap(\.points).filter(Self.isDrawable).map(\.y)
        // With few epochs the faint line fills most of the chart, so the range covers its middle
        // nine tenths.
        for faint in drawn where faint.isFaint {
            let sorted = faint.points.filter(Self.isDrawable).map(\.y).sorted()
            ys += [sorted[sorted.count / 20], sorted[sorted.count - 1 - sorted.count / 20]]
        }
        let x = ChartAxis.counting(from: xs.min() ?? 0, to: xs.max() ?? 1)
        return (x, yScale == .linear ? .linear(over: ys, within: yBounds) : .logarithmic(over: ys))
    }

    /// Grid, ticks and axis names.
    private func frame(_ x: ChartAxis, _ y: ChartAxis, _ place: (Point) -> (Double, Double)) -> HTML {
        let (right, floor) = (ChartFrame.width - ChartFrame.right, ChartFrame.height - ChartFrame.bottom)
        let rows = HTML.each(y.ticks) { tick in
            let at = place(Point(x: x.range.lowerBound, y: tick.value)).1
            return """
                <line class="grid" x1="\(ChartFrame.left.svg)" x2="\(right.svg)" y1="\(at.svg)" y2="\(at.svg)"/>\
                <text class="tick" x="\((ChartFrame.left - 7).svg)" y="\((at + 4).svg)" text-anchor="end">\(tick.label)</text>
                """
        }
        let columns = HTML.each(x.ticks) { tick in
            let at = place(Point(x: tick.value, y: y.range.lowerBound)).0
            return """
                <line class="axis" x1="\(at.svg)" x2="\(at.svg)" y1="\(floor.svg)" y2="\((floor + 4).svg)"/>\
                <text class="tick" x="\(at.svg)" y="\((floor + 18).svg)" text-anchor="middle">\(tick.label)</text>
                """
        }
        let middle = ((ChartFrame.left + right) / 2, (ChartFrame.top + floor) / 2)
        return """
            \(rows)\(columns)<line class="axis" x1="\(ChartFrame.left.svg)" x2="\(right.svg)" y1="\(floor.svg)" y2="\(floor.svg)"/>\
            <text class="name" x="\(middle.0.svg)" y="\((ChartFrame.height - 6).svg)" text-anchor="middle">\(xLabel)</text>\
            <text class="name" transform="translate(12 \(middle.1.svg)) rotate(-90)" text-anchor="middle">\(yLabel)</text>
            """
    }

    private func markLine(_ x: ChartAxis, _ y: ChartAxis, _ place: (Point) -> (Double, Double)) -> HTML {
        guard let mark, x.range.contains(mark.x) else { return "" }
        let at = place(Point(x: mark.x, y: y.range.upperBound))
        let share = x.position(mark.x)
        let anchor = share > 0.95 ? "end" : share < 0.05 ? "start" : "middle"
        return """
            <line class="mark" x1="\(at.0.svg)" x2="\(at.0.svg)" y1="\(ChartFrame.top.svg)" y2="\((ChartFrame.height - ChartFrame.bottom).svg)"/>\
            <text class="tick" x="\(at.0.svg)" y="\((ChartFrame.top - 8).svg)" text-anchor="\(anchor)">\(mark.label)</text>
            """
    }

    private func line(_ series: Series, _ y: ChartAxis, _ place: (Point) -> (Double, Double)) -> HTML {
        // Cut a faint line outside the others' range rather than press it against the edge.
        let runs = series.points.split { !Self.isDrawable($0) || (series.isFaint && !y.range.contains($0.y)) }
        let paths = HTML.each(runs.filter { $0.count > 1 }) { run in
            let points = run.map { point in
                let (x, y) = place(point)
                return "\(x.svg),\(y.svg)"
            }
            return
                "<polyline class=\"line c\(series.color)\(series.isFaint ? " faint" : "")\" points=\"\(points.joined(separator: " "))\"/>"
        }
        guard !series.isFaint else { return paths }
        // A point without neighbours has no line, so it gets a dot.
        let places = runs.joined().map { place($0).0 }
        let width = (places.last ?? 0) - (places.first ?? 0)
        let hasRoom = width >= Self.dotDistance * Double(places.count - 1)
        let dotted = runs.filter { hasRoom || $0.count == 1 }.flatMap { Array($0) }
        return paths
            + HTML.each(dotted) { point in
                let (x, y) = place(point)
                return "<circle class=\"dot c\(series.color)\" cx=\"\(x.svg)\" cy=\"\(y.svg)\" r=\"3\"/>"
            }
    }

    /// An invisible column for each epoch over everything else: it shows the values there.
    private func columns(_ leading: [Series], _ place: (Point) -> (Double, Double)) -> HTML {
        var values: [Double: [String]] = [:]
        for item in leading {
            for point in item.points where Self.isDrawable(point) { values[point.x, default: []].append("\(item.name) \(format(point.y))") }
        }
        let all = values.keys.sorted()
        let xs =
            all.count <= Self.mostColumns
            ? all : stride(from: 0, to: all.count, by: (all.count + Self.mostColumns - 1) / Self.mostColumns).map { all[$0] }
        let centers = xs.map { place(Point(x: $0, y: 0)).0 }
        return HTML.each(xs.indices) { i in
            let from = i == 0 ? ChartFrame.left : (centers[i - 1] + centers[i]) / 2
            let to = i + 1 == xs.count ? ChartFrame.width - ChartFrame.right : (centers[i] + centers[i + 1]) / 2
            let told = (["\(xLabel) \(Figures.short(xs[i], digits: 7))"] + (values[xs[i]] ?? [])).joined(separator: "\n")
            return """
                <rect class="hit" x="\(from.svg)" y="\(ChartFrame.top.svg)" width="\(max(to - from, 0.1).svg)" \
                height="\((ChartFrame.height - ChartFrame.top - ChartFrame.bottom).svg)"><title>\(told)</title></rect>
                """
        }
    }
}

extension LineChart {
    /// At most `count` points, each the mean of neighbours: single steps are noise.
    static func averaged(_ points: [Point], count: Int) -> [Point] {
        let known = points.filter(isDrawable)
        guard known.count > count, count > 0 else { return known }
        return (0..<count).map { i in
            let part = known[i * known.count / count..<(i + 1) * known.count / count]
            return Point(x: part.reduce(0) { $0 + $1.x } / Double(part.count), y: part.reduce(0) { $0 + $1.y } / Double(part.count))
        }
    }
}

extension Double {
    /// A coordinate with at most two decimals.
    var svg: String {
        let text = String(format: "%.1f", self)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
