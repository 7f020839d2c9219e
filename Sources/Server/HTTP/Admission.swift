import Synchronization

/// Counts the work under way, per client and in total, and refuses work beyond a limit.
final class Admission: Sendable {
    private struct State {
        var count = 0
        var amount = 0
        var clients: [String: (count: Int, amount: Int)] = [:]
    }

    private let state = Mutex(State())
    private let most: Int, mostAmount: Int, mostPerClient: Int

    /// The limits: pieces of work in total, their summed amounts, and pieces per client. A
    /// client may take half of the amount, or one piece of any size.
    init(most: Int, amount: Int, perClient: Int) { (self.most, mostAmount, mostPerClient) = (most, amount, perClient) }

    var count: Int { state.withLock { $0.count } }

    /// Runs `work`, which takes `amount`, if there is room for it.
    func take<Value>(_ amount: Int, client: String, _ work: () async throws -> Value) async throws -> Value {
        try state.withLock { state in
            var own = state.clients[client] ?? (0, 0)
            guard own.count < mostPerClient, own.amount + amount <= mostAmount / 2 || own.count == 0 else {
                throw Problem(
                    .tooManyRequests, "\(own.count) requests of yours are under way", remedy: "wait for their answers", retryAfter: 1)
            }
            guard state.count < most, state.amount + amount <= mostAmount || state.count == 0 else {
                throw Problem(.serviceUnavailable, "too many requests are waiting", remedy: "send it again later", retryAfter: 1)
            }
            state.count += 1
            state.amount += amount
            own.count += 1
            own.amount += amount
            state.clients[client] = own
        }
        defer {
            state.withLock { state in
                state.count -= 1
                state.amount -= amount
                guard var own = state.clients[client] else { return }
                own.count -= 1
                own.amount -= amount
                state.clients[client] = own.count > 0 ? own : nil
            }
        }
        return try await work()
    }
}
