import CoreMetrics
import Synchronization

/// Counters, gauges and histograms behind swift-metrics, written in Prometheus' text format.
package final class MetricsStore: MetricsFactory {
    private struct Key: Hashable {
        let label: String
        let dimensions: String
    }

    private struct Histogram {
        var counts = [Int](repeating: 0, count: MetricsStore.bounds.count)
        var count = 0
        var sum = 0.0
    }

    private struct State {
        var counters: [Key: Int64] = [:]
        var gauges: [Key: Double] = [:]
        var histograms: [Key: Histogram] = [:]
    }

    private let state = Mutex(State())
    /// Upper bounds of the histograms' buckets, in seconds.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600]
    /// The most series; further ones are dropped, so that clients cannot fill the memory.
    private static let mostSeries = 2000

    package init() {}

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> Key {
        func escaped(_ text: String) -> String {
            text.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined()
        }
        return Key(label: label, dimensions: dimensions.map { "\($0)=\"\(escaped($1))\"" }.joined(separator: ","))
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        CounterCell(store: self, key: Self.key(label, dimensions))
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        RecorderCell(store: self, key: Self.key(label, dimensions), isHistogram: aggregate)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        TimerCell(store: self, key: Self.key(label, dimensions))
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func add(_ amount: Int64, _ key: Key) {
        state.withLock { state in
            guard state.counters[key] != nil || state.counters.count < Self.mostSeries else { return }
            state.counters[key, default: 0] += amount
        }
    }

    private func reset(_ key: Key) { state.withLock { $0.counters[key] = 0 } }

    private func set(_ value: Double, _ key: Key) {
        state.withLock { state in
            guard state.gauges[key] != nil || state.gauges.count < Self.mostSeries else { return }
            state.gauges[key] = value
        }
    }

    private func observe(_ value: Double, _ key: Key) {
        state.withLock { state in
            guard state.histograms[key] != nil || state.histograms.count < Self.mostSeries else { return }
            var histogram = state.histograms[key] ?? Histogram()
            histogram.count += 1
            histogram.sum += value
            for (place, bound) in Self.bounds.enumerated() where value <= bound { histogram.counts[place] += 1 }
            state.histograms[key] = histogram
        }
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    package var text: String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        func series(_ keys: some Sequence<Key>, _ kind: String, _ line: (Key) -> [String]) {
            var last = ""
            for key in keys.sorted(by: { ($0.label, $0.dimensions) < ($1.label, $1.dimensions) }) {
                if key.label != last { lines.append("# TYPE \(key.label) \(kind)") }
                last = key.label
                lines += line(key)
            }
        }
        func name(_ key: Key, _ suffix: String = "", _ more: String = "") -> String {
            let all = [key.dimensions, more].filter { !$0.isEmpty }.joined(separator: ",")
            return key.label + suffix + (all.isEmpty ? "" : "{\(all)}")
        }
        series(state.counters.keys, "counter") { ["\(name($0)) \(state.counters[$0] ?? 0)"] }
        series(state.gauges.keys, "gauge") { ["\(name($0)) \(state.gauges[$0] ?? 0)"] }
        series(state.histograms.keys, "histogram") { key in
            let histogram = state.histograms[key] ?? Histogram()
            return zip(Self.bounds, histogram.counts).map { "\(name(key, "_bucket", "le=\"\($0)\"")) \($1)" } + [
                "\(name(key, "_bucket", "le=\"+Inf\"")) \(histogram.count)", "\(name(key, "_sum")) \(histogram.sum)",
                "\(name(key, "_count")) \(histogram.count)",
            ]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private final class CounterCell: CounterHandler {
        let store: MetricsStore
        let key: Key
        init(store: MetricsStore, key: Key) { (self.store, self.key) = (store, key) }
        func increment(by amount: Int64) { store.add(amount, key) }
        func reset() { store.reset(key) }
    }

    private final class RecorderCell: RecorderHandler {
        let store: MetricsStore
        let key: Key
        let isHistogram: Bool
        init(store: MetricsStore, key: Key, isHistogram: Bool) { (self.store, self.key, self.isHistogram) = (store, key, isHistogram) }
        func record(_ value: Int64) { record(Double(value)) }
        func record(_ value: Double) { if isHistogram { store.observe(value, key) } else { store.set(value, key) } }
    }

    private final class TimerCell: TimerHandler {
        let store: MetricsStore
        let key: Key
        init(store: MetricsStore, key: Key) { (self.store, self.key) = (store, key) }
        func recordNanoseconds(_ duration: Int64) { store.observe(Double(duration) / 1e9, key) }
    }
}
