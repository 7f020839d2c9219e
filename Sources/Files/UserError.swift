/// An error that a user can act on: it names the subject, the problem and the remedy.
///
/// Every error shown to users conforms. The tool turns ``category`` into an exit code, a server
/// into a status.
public protocol UserError: Error, CustomStringConvertible {
    /// The faulty file, folder, option or operation, as the user knows it.
    var subject: String { get }
    /// The problem: a clause without the subject and without a full stop.
    var problem: String { get }
    /// A way out for the user: a clause without a full stop; empty if nothing helps.
    var remedy: String { get }
    /// The kind of error.
    var category: UserErrorCategory { get }
}

/// The kind of an error, coarse enough to act on.
public enum UserErrorCategory: String, Sendable {
    /// The command or call is wrong.
    case usage
    /// A given file, folder or setting cannot be used.
    case input
    /// The work needs more memory than is available.
    case memory
    /// The program failed, not its input.
    case `internal`
}

extension UserError {
    /// `.input`, unless a type overrides it.
    public var category: UserErrorCategory { .input }

    /// One line, `subject: problem; remedy`. Safe to print: all control characters are escaped.
    public var description: String {
        let text = (subject.isEmpty ? "" : subject + ": ") + problem + (remedy.isEmpty ? "" : "; " + remedy)
        return text.printable()
    }
}
