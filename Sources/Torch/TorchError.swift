import CTorch
import Files

/// A failed libtorch operation: its name and libtorch's reason, which says what was expected.
package struct TorchError: UserError {
    package let operation: String
    package let reason: String
    /// True if an allocation did not fit the device's memory.
    package let isOutOfMemory: Bool

    package var description: String {
        memoryAdvice.map { "not enough memory\(shortage.map { " (\($0))" } ?? ""); \($0)" } ?? "\(operation): \(reason)"
    }

    /// The ``operation``.
    package var subject: String { operation }
    /// The ``reason``.
    package var problem: String { reason }
    /// The options to lower if memory ran out; otherwise empty.
    package var remedy: String { memoryAdvice ?? "" }
    /// `.memory` if memory ran out, otherwise `.internal`.
    package var category: UserErrorCategory { isOutOfMemory ? .memory : .internal }

    package init(operation: String, reason: String, isOutOfMemory: Bool) {
        (self.operation, self.reason, self.isOutOfMemory) = (operation, reason, isOutOfMemory)
    }

    static func last(_ operation: String) -> TorchError {
        TorchError(operation: operation, reason: String(cString: ct_last_error()), isOutOfMemory: ct_last_error_is_out_of_memory())
    }
}

/// Collects the errors of the enclosing ``withTorchErrors(_:)``; none outside one.
private final class ErrorScope: @unchecked Sendable {
    @TaskLocal static var current: ErrorScope?
    /// Written by the one thread that runs the scope's body.
    var first: TorchError?
}

/// Runs `body`, whose tensor expressions need no `try`, and throws libtorch's first error in it, if
/// any.
///
/// After an error the scope's remaining operations are skipped and yield undefined tensors. Outside
/// such a scope an error stops the process, like an index out of range.
package func withTorchErrors<Result>(_ body: () throws -> Result) throws -> Result {
    let scope = ErrorScope()
    do {
        let result = try ErrorScope.$current.withValue(scope, operation: body)
        if let error = scope.first { throw error }
        return result
    } catch {
        // The first error is the cause; what `body` threw may be a consequence.
        throw scope.first ?? error
    }
}

/// True if the current scope has failed already, so that further operations are pointless.
var hasPendingError: Bool { ErrorScope.current?.first != nil }

package func report(_ error: TorchError) {
    guard let scope = ErrorScope.current else {
        preconditionFailure("libtorch: \(error) (call it inside withTorchErrors to handle this)")
    }
    if scope.first == nil { scope.first = error }
}

/// Reports `operation`'s failure to the current scope if `status` is an error.
@discardableResult
func check(_ status: Int32, _ operation: @autoclosure () -> String) -> Bool {
    if status == 0 { return true }
    report(.last(operation()))
    return false
}
