/// Too little memory for some work: its purpose, the amount missing, and the way out.
public struct MemoryError: UserError, Equatable {
    /// The purpose of the memory.
    public let subject: String
    /// The memory needed and the memory available.
    public let problem: String
    /// A way to need less.
    public let remedy: String
    /// Memory.
    public var category: UserErrorCategory { .memory }

    /// An error about `subject`; `problem` and `remedy` are clauses without a full stop.
    public init(subject: String, problem: String, remedy: String) {
        (self.subject, self.problem, self.remedy) = (subject, problem, remedy)
    }
}

extension Memory {
    /// Like ``ask(for:remedy:)``, for work that depends on no single file: `work` names it,
    /// `remedy` says how it needs less.
    package static func require(_ bytes: Int, for work: @autoclosure () -> String, remedy: String) throws(MemoryError) {
        do {
            try ask(for: bytes, remedy: remedy)
        } catch {
            throw MemoryError(subject: work(), problem: error.reason, remedy: error.remedy)
        }
    }
}
