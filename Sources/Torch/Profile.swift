import CTorch
import Foundation
import Synchronization

/// Time per operator as libtorch records it: its own operators, this package's (`vmunet::…`) and
/// the functions of the backward pass.
package enum Profile {
    /// One operator's time.
    package struct Entry: Sendable {
        package let name: String
        package let calls: Int
        /// Time in the operator itself, without the operators that it calls.
        package let seconds: Double
    }

    private static let modules = Mutex<[(name: String, seconds: Double, calls: Int)]?>(nil)

    /// Starts recording, from zero.
    package static func begin() {
        modules.withLock { $0 = [] }
        ct_profile_begin()
    }

    /// Runs a module of a network and, while recording, counts its time under its name.
    @inline(__always)
    package static func module<Result>(_ name: @autoclosure () -> String, _ body: () -> Result) -> Result {
        guard modules.withLock({ $0 != nil }) else { return body() }
        let start = ContinuousClock.now
        let result = body()
        let seconds = (ContinuousClock.now - start).seconds
        modules.withLock { entries in
            if let i = entries?.firstIndex(where: { $0.name == name() }) {
                entries?[i].seconds += seconds
                entries?[i].calls += 1
            } else {
                entries?.append((name(), seconds, 1))
            }
        }
        return result
    }

    /// Stops recording and returns the entries, most expensive first.
    package static func end() -> [Entry] {
        ct_profile_end()
        guard let text = ct_profile_lines() else { return [] }
        defer { free(text) }
        return String(cString: text).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t")
            guard parts.count == 3, let calls = Int(parts[1]), let seconds = Double(parts[2]) else { return nil }
            return Entry(name: readable(String(parts[0])), calls: calls, seconds: seconds)
        }
    }

    /// "torch::autograd::CppNode<ctorch::(anonymous namespace)::SS2D>" is the backward pass of
    /// SS2D.
    private static func readable(_ name: String) -> String {
        guard name.contains("CppNode<"), let last = name.split(separator: ":").last else { return name }
        return last.filter { $0.isLetter || $0.isNumber } + " backward"
    }

    /// Stops recording and returns a table of milliseconds per run.
    package static func table(runs: Int) -> String {
        let modules = modules.withLock { entries in
            defer { entries = nil }
            return entries ?? []
        }
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
        lines.append("\nmodule, forward                                            ms/run")
        for module in modules {
            lines.append(
                module.name.padding(toLength: 54, withPad: " ", startingAt: 0)
                    + String(format: "%11.3f", module.seconds / Double(runs) * 1000))
        }
        return lines.joined(separator: "\n")
    }
}
