/// Counts multiply-adds of convolutions and products while a network runs.
package final class OperationCount: @unchecked Sendable {
    @TaskLocal static var current: OperationCount?

    /// Multiply-adds so far.
    private(set) var multiplyAdds = 0

    /// The multiply-adds of `body`, which runs on this thread.
    package static func of(_ body: () -> Void) -> Int {
        let count = OperationCount()
        $current.withValue(count, operation: body)
        return count.multiplyAdds
    }

    /// Adds an operation's multiply-adds, if anyone counts.
    package static func add(_ multiplyAdds: () -> Int) {
        if let current { current.multiplyAdds += multiplyAdds() }
    }
}
