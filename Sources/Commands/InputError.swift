import Files

/// Input that a command cannot work on: what, and the way out.
package struct InputError: UserError {
    package let description: String
    package var subject: String { "" }
    package var problem: String { description }
    package var remedy: String { "" }

    package init(_ description: String) { self.description = description }
}
