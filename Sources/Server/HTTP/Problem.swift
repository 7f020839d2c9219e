import Files
import Foundation
import HTTPTypes
import Hummingbird

/// A refusal as RFC 9457 defines it, `application/problem+json`: the status, the problem and the
/// way out.
package struct Problem: Error, Sendable, HTTPResponseError {
    package let status: HTTPResponse.Status
    /// One clause, without names or paths of the client's files.
    let detail: String
    /// The way out; empty if nothing helps.
    let remedy: String
    /// Seconds after which the same request may succeed.
    let retryAfter: Int?
    /// The methods that the path has.
    let allowed: [HTTPRequest.Method]

    init(
        _ status: HTTPResponse.Status, _ detail: String, remedy: String = "", retryAfter: Int? = nil, allowed: [HTTPRequest.Method] = []
    ) {
        (self.status, self.detail, self.remedy, self.retryAfter, self.allowed) = (status, detail, remedy, retryAfter, allowed)
    }

    static let contentType = "application/problem+json"

    private struct Body: Encodable {
        let type = "about:blank"
        let title: String
        let status: Int
        let detail: String
        let remedy: String?
    }

    /// The response, in this form whatever the request accepts.
    func response() -> Response {
        let body = Body(title: status.reasonPhrase, status: status.code, detail: detail, remedy: remedy.isEmpty ? nil : remedy)
        var response = Response.json(body, status: status)
        response.headers[.contentType] = Self.contentType
        if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        if !allowed.isEmpty { response.headers[.allow] = allowed.map(\.rawValue).joined(separator: ", ") }
        return response
    }

    package func response(from request: Request, context: some RequestContext) -> Response { response() }
}

extension Problem {
    static let notFound = Problem(.notFound, "there is no such address here", remedy: "GET /openapi.json lists all addresses")

    /// A file that cannot be segmented: 413 for its size, 415 for its kind, 507 for a full disk,
    /// else 422. The subject stays out, for it is a path of this machine.
    init(_ error: any UserError) {
        let status: HTTPResponse.Status =
            switch error.category {
            case .memory: .contentTooLarge
            case .input, .usage: .unprocessableContent
            case .internal: .internalServerError
            }
        self.init(status, error.problem.printable(limit: 500), remedy: error.remedy.printable(limit: 300))
    }

    /// Any error. The details of errors that are not meant for users stay in the log.
    init(any error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as any HTTPResponseError:
            self = error.status == .notFound ? .notFound : Problem(error.status, "the request cannot be read")
        case let error as any UserError: self.init(error)
        default: self.init(.internalServerError, "the server failed; its log has the request's number")
        }
    }
}

extension Response {
    /// A value as JSON, keys sorted.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding fails only for numbers that are not finite, which no response has.
        let bytes = (try? encoder.encode(value)) ?? Data("{}".utf8)
        return .bytes([UInt8](bytes), type: "application/json", status: status)
    }

    static func bytes(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
