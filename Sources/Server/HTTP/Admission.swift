import Synchronization

/// Counts the work under way, per client and in total, and refuses work beyond a limit.
final class Admission: Sendable {
    private struct State {
        var count = 0
        var amount = 0
        var clients: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let most: Int, mostAmount: Int, mostPerClient: Int

    /// The limits: pieces of work in total, their summed amounts, and pieces per client.
    init(most: Int, amount: Int, perClient: Int) { (self.most, mostAmount, mostPerClient) = (most, amount, perClient) }

    var count: Int { state.withLock { $0.count } }

    /// Runs `work`, which takes `amount`, if there is room for it.
    func take<Value>(_ amount: Int, client: String, _ work: () async throws -> Value) async throws -> Value {
        try state.withLock { state in
            guard state.clients[client, default: 0] < mostPerClient else {
                throw Problem(
                    .tooManyRequests, "\(mostPerClient) requests of yours are under way", remedy: "wait for their answers", retryAfter: 1)
            }
            guard state.count < most, state.amount + amount <= mostAmount || state.count == 0 else {
                throw Problem(.serviceUnavailable, "too many requests are waiting", remedy: "send it again later", retryAfter: 1)
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
