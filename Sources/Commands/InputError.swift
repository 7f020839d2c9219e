/// Input that a command cannot work on: what, and the way out.
package struct InputError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Exit codes, as sysexits.h has them.
package enum ExitStatus {
    package static let usage: Int32 = 64
    package static let badInput: Int32 = 65
    package static let internalError: Int32 = 70
    package static let interrupted: Int32 = 130
}
