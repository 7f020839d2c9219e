import Hummingbird
import NIOCore

extension Request {
    /// The length that the request declares, at most the largest integer; nil if it does not.
    var declaredLength: Int? {
        guard let text = headers[.contentLength], !text.isEmpty, text.utf8.allSatisfy({ (48...57) ~= $0 }) else { return nil }
        return Int(text) ?? .max
    }

    /// The parameters after `?`. Throws ``Problem`` for one that is not among `known`, which would have
    /// no effect.
    func query(_ known: Set<String>) throws -> Parameters {
        let query = uri.queryParameters
        if let other = query.first(where: { !known.contains(String($0.key)) })?.key {
            throw Problem(
                .badRequest, "there is no parameter '\(String(other).printable(limit: 40))'",
                remedy: "the parameters are \(known.sorted().joined(separator: ", "))")
        }
        return query
    }

    /// Throws ``Problem`` unless the body is the file itself, neither packed nor part of a form.
    func requirePlainBody() throws {
        let type = headers[.contentType]?.lowercased() ?? "", encoding = headers[.contentEncoding]?.lowercased() ?? "identity"
        guard encoding == "identity" else {
            throw Problem(
                .unsupportedMediaType, "the body is packed as '\(encoding.printable(limit: 40))'", remedy: "send the file as it is")
        }
        guard !type.hasPrefix("multipart/") else {
            throw Problem(.unsupportedMediaType, "the body is a form", remedy: "send the file itself as the body, as by curl -T FILE")
        }
    }

    /// Passes the body on, piece by piece. Throws ``Problem`` if it exceeds `limit` bytes, takes
    /// longer than the server's limits allow, or is cut off.
    func readBody(upTo limit: Int, _ limits: ServerLimits, _ take: (ByteBuffer) throws -> Void) async throws {
        if let length = declaredLength, length > limit { throw Problem.tooLarge(limit) }
        let start = ContinuousClock.now
        var count = 0
        var pieces = body.makeAsyncIterator()
        while let piece = try await next(&pieces) {
            count += piece.readableBytes
            guard count <= limit else { throw Problem.tooLarge(limit) }
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

extension Problem {
    static func tooLarge(_ limit: Int) -> Problem {
        Problem(.contentTooLarge, "is larger than the \(limit) bytes that this server takes", remedy: "send a smaller file")
    }
}
