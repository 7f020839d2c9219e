import Files

/// Input that a command cannot use, with a remedy.
package struct InputError: UserError {
    package let description: String
    package var subject: String { "" }
    package var problem: String { description }
    package var remedy: String { "" }

    package init(_ description: String) { self.description = description }
}
