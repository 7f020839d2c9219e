import Synchronization

/// A bar with the time left, for work of a known amount: a terminal's last line. Elsewhere long work
/// is announced once, in a line.
package final class WorkBar: Sendable {
    private let verb: String
    private let begin = ContinuousClock.now
    private let isAnnounced = Atomic(false)

    /// `verb` starts the line: "segmenting".
    package init(_ verb: String) { self.verb = verb }

    /// Shows that `done` of `count` parts are done; `detail` follows the numbers.
    package func show(_ done: Int, of count: Int, _ detail: String = "") {
        show(Double(done) / Double(max(count, 1)), "\(done)/\(count)\(detail.isEmpty ? "" : "  \(detail)")")
    }

    /// Shows a share of the work, 0…1.
    package func show(_ share: Double, _ detail: String = "") {
        let left = Self.left(share, after: ContinuousClock.now - begin)
        let time = left.map { "  \(Console.time($0)) left" } ?? ""
        if Console.isTerminal {
            Console.status("\(verb) \(Console.bar(share))\(detail.isEmpty ? "" : " \(detail)")\(time)")
        } else if let left, left > Self.long, !isAnnounced.exchange(true, ordering: .relaxed) {
            Console.note("\(verb): about \(Console.time(left)) left")
        }
    }

    /// The seconds left; nil if too little is done to tell.
    static func left(_ share: Double, after time: Duration) -> Double? {
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18
        guard share > 0, share < 1, seconds >= 3 else { return nil }
        return seconds * (1 - share) / share
    }

    /// Seconds of work that a log is told about.
    private static let long = 120.0
}
