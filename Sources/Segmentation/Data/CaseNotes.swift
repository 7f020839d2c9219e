import Files

/// Oddities of a set's cases, each told once, with the cases that have it.
package struct CaseNotes: Sendable, Equatable {
    private var notes: [String] = []
    private var names: [String: [String]] = [:]

    /// No notes yet.
    package init() {}

    /// Adds clauses about a case.
    package mutating func add(_ clauses: [String], of name: String) {
        for clause in clauses {
            if names[clause] == nil { notes.append(clause) }
            if names[clause]?.last != name { names[clause, default: []].append(name) }
        }
    }

    /// Adds the notes on other cases.
    package mutating func add(_ others: CaseNotes) {
        for note in others.notes { for name in others.names[note] ?? [] { add([note], of: name) } }
    }

    /// A line for each note, "A: is tilted" or "3 cases (A, B and 1 more): are tilted". Of more than
    /// `limit`, the rest is counted.
    package func lines(atMost limit: Int = .max) -> [String] {
        let lines = notes.prefix(limit).map { note in
            let cases = names[note] ?? []
            return (cases.count == 1 ? cases[0] : "\(cases.count) cases (\(listed(cases, atMost: 3)))") + ": " + note
        }
        return lines + (notes.count > limit ? ["… and \(notes.count - limit) more such notes; check lists all"] : [])
    }

    /// The most notes before training and after scoring.
    package static let mostTold = 5
}
