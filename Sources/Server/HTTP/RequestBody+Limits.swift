import Hummingbird
import NIOCore

extension Request {
    /// The length that the request declares; nil if it does not.
    var declaredLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    /// Passes the body on, piece by piece. Throws ``Problem`` if it exceeds `limit` bytes, takes
    /// longer than the server's limits allow, or is cut off.
    func readBody(upTo limit: Int, _ limits: ServerLimits, _ take: (ByteBuffer) throws -> Void) async throws {
        func tooLarge() -> Problem {
            Problem(.contentTooLarge, "is larger than the \(limit) bytes that this server takes", remedy: "send a smaller file")
        }
        if let length = declaredLength, length > limit { throw tooLarge() }
        let start = ContinuousClock.now
        var count = 0
        var pieces = body.makeAsyncIterator()
        while let piece = try await next(&pieces) {
            count += piece.readableBytes
            guard count <= limit else { throw tooLarge() }
            let seconds = Int((ContinuousClock.now - start) / .seconds(1))
            guard seconds < limits.bodySeconds, seconds < 30 || count >= seconds * limits.bodyRate else {
                throw Problem(
                    .requestTimeout, "took more than \(seconds) seconds for \(count) bytes", remedy: "send it over a faster connection")
            }
            try take(piece)
        }
    }

    /// The next piece of the body. Throws ``Problem`` if the client ends the connection first, or
    /// sends what is not HTTP.
    private func next(_ pieces: inout RequestBody.AsyncIterator) async throws -> ByteBuffer? {
        do { return try await pieces.next() } catch {
            throw Problem(.badRequest, "the body is cut off or malformed", remedy: "send it again")
        }
    }
}
