import Foundation

/// One axis of a chart: its range and ticks; maps values to 0…1.
struct ChartAxis: Equatable {
    enum Scale { case linear, logarithmic }

    let scale: Scale
    let range: ClosedRange<Double>
    /// Ascending, each with its label.
    let ticks: [Tick]

    struct Tick: Equatable {
        let value: Double
        let label: String
    }

    /// Larger values are meaningless, and their sums overflow.
    static let limit = 1e15

    /// A value's place between the ends, clamped to 0…1.
    func position(_ value: Double) -> Double {
        let (a, b, x) = (mapped(range.lowerBound), mapped(range.upperBound), mapped(value))
        return b > a ? min(max((x - a) / (b - a), 0), 1) : 0.5
    }

    private func mapped(_ value: Double) -> Double { scale == .linear ? value : log10(max(value, 1e-300)) }

    /// An axis over values with about `count` ticks at round numbers and its ends at ticks.
    static func linear(over values: [Double], count: Int = 5, within bounds: ClosedRange<Double>? = nil) -> ChartAxis {
        let known = values.filter { abs($0) <= limit }
        var (low, high) = (known.min() ?? 0, known.max() ?? 1)
        if high - low < 1e-9 * max(1, abs(high)) {
            let margin = high == 0 ? 1 : max(abs(high) * 0.1, 1e-6)
            (low, high) = (low - margin, high + margin)
        }
        let step = roundStep((high - low) / Double(count))
        var (first, last) = ((low / step).rounded(.down), (high / step).rounded(.up))
        if let bounds {
            first = max(first, (bounds.lowerBound / step).rounded(.down))
            last = max(first + 1, min(last, (bounds.upperBound / step).rounded(.up)))
        }
        let ticks = stride(from: first, through: last, by: 1).map { $0 * step }
        return ChartAxis(
            scale: .linear, range: first * step...last * step, ticks: ticks.map { Tick(value: $0, label: label($0, step: step)) })
    }

    /// An axis of whole numbers, for epochs, that ends where the values end.
    static func counting(from low: Double, to high: Double, count: Int = 8) -> ChartAxis {
        guard high > low else {
            return ChartAxis(scale: .linear, range: low - 1...low + 1, ticks: [Tick(value: low, label: label(low, step: 1))])
        }
        let rough = roundStep((high - low) / Double(count))
        let step = rough == 2.5 ? 5 : max(1, rough)
        let ticks = stride(from: (low / step).rounded(.up), through: (high / step).rounded(.down), by: 1).map { $0 * step }
        return ChartAxis(scale: .linear, range: low...high, ticks: ticks.map { Tick(value: $0, label: label($0, step: step)) })
    }

    /// A logarithmic axis over positive values; linear if they span less than a factor of three.
    static func logarithmic(over values: [Double]) -> ChartAxis {
        let known = values.filter { $0 > 1e-300 && $0 <= limit }
        guard let low = known.min(), let high = known.max(), high / low >= 3 else { return linear(over: values) }
        let (first, last) = (Int(log10(low).rounded(.down)), Int(log10(high).rounded(.up)))
        let every = max(1, (last - first) / 6)
        // Over few decades, mark 2 and 5 as well, and end as near to the values as the marks allow.
        let isShort = last - first <= 2
        let steps: [Double] = isShort ? [1, 2, 5] : [1]
        let marks: [Double] = stride(from: first, through: last, by: isShort ? 1 : every).flatMap { decade in
            let power = pow(10, Double(decade))
            return steps.map { $0 * power }
        }
        let from = marks.last { $0 <= low * 1.000001 } ?? marks[0]
        let to = marks.first { $0 >= high * 0.999999 } ?? max(high, marks[marks.count - 1])
        return ChartAxis(
            scale: .logarithmic, range: from...to,
            ticks: marks.filter { (from...to).contains($0) }.map { Tick(value: $0, label: Figures.short($0, digits: 2)) })
    }

    /// The least of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
    static func roundStep(_ step: Double) -> Double {
        guard step > 0, step.isFinite else { return 1 }
        let power = pow(10, log10(step).rounded(.down))
        return [1, 2, 2.5, 5, 10].first { $0 * power >= step * 0.999999 }.map { $0 * power } ?? 10 * power
    }

    /// The value with the step's number of decimals.
    private static func label(_ value: Double, step: Double) -> String {
        if abs(value) >= 1e6 || step < 1e-3 { return abs(value) < step / 2 ? "0" : Figures.scientific(value) }
        let digits =
            (0...4).first { digits in
                let power = pow(10, Double(digits))
                let rounded: Double = (step * power).rounded() / power
                return abs(rounded - step) < step * 1e-6
            } ?? 4
        return String(format: "%.\(digits)f", value == 0 ? 0 : value).replacing("-", with: "−")
    }
}
