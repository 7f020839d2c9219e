/// An error that a user can act on: it names what is at fault, what is wrong with it and the way out.
///
/// Every error that reaches a user conforms. The tool turns ``category`` into an exit code, a server into a status.
public protocol UserError: Error, CustomStringConvertible {
    /// The file, folder, option or operation at fault, as the user knows it.
    var subject: String { get }
    /// What is wrong, a clause without the subject and without a full stop.
    var problem: String { get }
    /// What the user can do, a clause without a full stop; empty where nothing helps.
    var remedy: String { get }
    /// Whose fault it is.
    var category: UserErrorCategory { get }
}

/// Whose fault an error is, coarsely enough to act on.
public enum UserErrorCategory: String, Sendable {
    /// The command or call is wrong.
    case usage
    /// A file, a folder or a setting that was given cannot be worked on.
    case input
    /// The work needs more memory than there is.
    case memory
    /// The program failed, through no fault of its input.
    case `internal`
}

extension UserError {
    /// Input, unless a type says otherwise.
    public var category: UserErrorCategory { .input }

    /// One line, `subject: problem; remedy`, safe to print: control characters are escaped, whoever wrote them.
    public var description: String {
        let text = (subject.isEmpty ? "" : subject + ": ") + problem + (remedy.isEmpty ? "" : "; " + remedy)
        return text.printable()
    }
}
