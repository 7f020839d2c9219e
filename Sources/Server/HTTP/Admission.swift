import Synchronization

/// Counts what each client, and all together, have under way; what exceeds a limit does not begin.
final class Admission: Sendable {
    private struct State {
        var count = 0
        var amount = 0
        var clients: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let most: Int, mostAmount: Int, mostPerClient: Int

    /// The limits: how many at all, their amounts together, and how many of one client.
    init(most: Int, amount: Int, perClient: Int) { (self.most, mostAmount, mostPerClient) = (most, amount, perClient) }

    var count: Int { state.withLock { $0.count } }

    /// Runs `work` if there is room for it, an amount of so much.
    func take<Value>(_ amount: Int, client: String, _ work: () async throws -> Value) async throws -> Value {
        try state.withLock { state in
            guard state.clients[client, default: 0] < mostPerClient else {
                throw Problem(
                    .tooManyRequests, "\(mostPerClient) requests of yours are under way", remedy: "wait for their answers", retryAfter: 1)
            }
            guard state.count < most, state.amount + amount <= mostAmount || state.count == 0 else {
                throw Problem(.serviceUnavailable, "too many requests wait", remedy: "send it again later", retryAfter: 1)
            }
            state.count += 1
            state.amount += amount
            state.clients[client, default: 0] += 1
        }
        defer {
            state.withLock { state in
                state.count -= 1
                state.amount -= amount
                let left = state.clients[client, default: 1] - 1
                state.clients[client] = left > 0 ? left : nil
            }
        }
        return try await work()
    }
}
