import CTorch
import Files

/// An operation of libtorch that failed: which, and libtorch's reason (its expected and got).
public struct TorchError: UserError {
    public let operation: String
    public let reason: String
    /// Whether an allocation did not fit the device's memory.
    public let isOutOfMemory: Bool

    public var description: String {
        memoryAdvice.map { "not enough memory (\(operation): \(briefReason)); \($0)" } ?? "\(operation): \(reason)"
    }

    /// As ``operation``.
    public var subject: String { operation }
    /// As ``reason``.
    public var problem: String { reason }
    /// What can be lowered where memory does not suffice.
    public var remedy: String { memoryAdvice ?? "" }
    /// Memory where that is too little, otherwise the program's.
    public var category: UserErrorCategory { isOutOfMemory ? .memory : .internal }

    package init(operation: String, reason: String, isOutOfMemory: Bool) {
        (self.operation, self.reason, self.isOutOfMemory) = (operation, reason, isOutOfMemory)
    }

    static func last(_ operation: String) -> TorchError {
        TorchError(operation: operation, reason: String(cString: ct_last_error()), isOutOfMemory: ct_last_error_is_out_of_memory())
    }
}

/// Where the errors of the enclosing ``withTorchErrors(_:)`` are collected; none outside of one.
private final class ErrorScope: @unchecked Sendable {
    @TaskLocal static var current: ErrorScope?
    /// Written by the one thread that runs the scope's body.
    var first: TorchError?
}

/// Runs `body`, in which tensor expressions read as in the paper, without `try`; throws the first error of libtorch in it, if there was one.
///
/// After an error the remaining operations of the scope are skipped: they yield undefined tensors. Outside of such a scope an error stops the
/// process, as an index out of range does.
public func withTorchErrors<Result>(_ body: () throws -> Result) throws -> Result {
    let scope = ErrorScope()
    do {
        let result = try ErrorScope.$current.withValue(scope, operation: body)
        if let error = scope.first { throw error }
        return result
    } catch {
        // What went wrong first is the cause; what `body` threw may be its echo.
        throw scope.first ?? error
    }
}

/// Whether the current scope has failed already, so that further operations are pointless.
var hasPendingError: Bool { ErrorScope.current?.first != nil }

package func report(_ error: TorchError) {
    guard let scope = ErrorScope.current else {
        preconditionFailure("libtorch: \(error) (call it inside withTorchErrors to handle this)")
    }
    if scope.first == nil { scope.first = error }
}

/// Reports `operation`'s failure to the current scope when `status` says that it failed.
@discardableResult
func check(_ status: Int32, _ operation: @autoclosure () -> String) -> Bool {
    if status == 0 { return true }
    report(.last(operation()))
    return false
}
