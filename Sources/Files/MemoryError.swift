/// Memory that a piece of work needs and cannot have: what it is for, how much is missing, and the
/// way out.
public struct MemoryError: UserError, Equatable {
    /// What the memory is for.
    public let subject: String
    /// How much it needs, and what there is.
    public let problem: String
    /// What makes it need less.
    public let remedy: String
    /// Memory.
    public var category: UserErrorCategory { .memory }

    /// An error about `subject`; `problem` and `remedy` are clauses without a full stop.
    public init(subject: String, problem: String, remedy: String) {
        (self.subject, self.problem, self.remedy) = (subject, problem, remedy)
    }
}

extension Memory {
    /// Asks as ``ask(for:remedy:)`` does, for work that no single file decides; `work` says which,
    /// `remedy` what makes it need less.
    package static func require(_ bytes: Int, for work: @autoclosure () -> String, remedy: String) throws(MemoryError) {
        do {
            try ask(for: bytes, remedy: remedy)
        } catch {
            throw MemoryError(subject: work(), problem: error.reason, remedy: error.remedy)
        }
    }
}
