import Hummingbird
import NIOCore

extension Request {
    /// The length that the request declares; nil if it does not.
    var declaredLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    /// Passes the body on, piece by piece. Throws ``Problem`` if it exceeds `limit` bytes or takes
    /// longer than `seconds`.
    func readBody(upTo limit: Int, seconds: Int, _ take: (ByteBuffer) throws -> Void) async throws {
        func tooLarge() -> Problem {
            Problem(.contentTooLarge, "is larger than the \(limit) bytes that this server takes", remedy: "send a smaller file")
        }
        if let length = declaredLength, length > limit { throw tooLarge() }
        let end = ContinuousClock.now + .seconds(seconds)
        var count = 0
        for try await piece in body {
            count += piece.readableBytes
            guard count <= limit else { throw tooLarge() }
            guard ContinuousClock.now < end else {
                throw Problem(.requestTimeout, "took more than \(seconds) seconds to arrive", remedy: "send it over a faster connection")
            }
            try take(piece)
        }
    }
}
