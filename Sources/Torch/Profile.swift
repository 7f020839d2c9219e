import CTorch
import Foundation

/// Time by operator, as libtorch records it: its own operators, this package's (`vmunet::…`) and the functions of the backward pass.
public enum Profile {
    /// One operator's share.
    public struct Entry: Sendable {
        public let name: String
        public let calls: Int
        /// Time in the operator itself, without operators that it calls.
        public let seconds: Double
    }

    /// Starts recording, from zero.
    public static func begin() { ct_profile_begin() }

    /// Stops recording and returns what was recorded, most expensive first.
    public static func end() -> [Entry] {
        ct_profile_end()
        guard let text = ct_profile_lines() else { return [] }
        defer { free(text) }
        return String(cString: text).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t")
            guard parts.count == 3, let calls = Int(parts[1]), let seconds = Double(parts[2]) else { return nil }
            return Entry(name: String(parts[0]), calls: calls, seconds: seconds)
        }
    }

    /// Stops recording; a table of milliseconds a run, for people.
    public static func table(runs: Int) -> String {
        let entries = end()
        let total = entries.reduce(0) { $0 + $1.seconds }
        var lines = ["operator                                     calls/run     ms/run   share"]
        for entry in entries where entry.seconds > total / 500 {
            lines.append(
                entry.name.padding(toLength: 44, withPad: " ", startingAt: 0)
                    + String(
                        format: "%10.1f %10.3f %6.1f%%", Double(entry.calls) / Double(runs), entry.seconds / Double(runs) * 1000,
                        entry.seconds / max(total, 1e-12) * 100))
        }
        return lines.joined(separator: "\n")
    }
}
