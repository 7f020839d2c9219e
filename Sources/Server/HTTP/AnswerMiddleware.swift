import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Metrics

/// The outermost middleware: turns errors into problems, adds the headers of every response, and
/// logs one line per request, without names or paths of files.
struct AnswerMiddleware: RouterMiddleware {
    typealias Context = ServerContext

    /// The content security policy: pages run this server's scripts and WebAssembly, and nothing
    /// from elsewhere.
    static let policy =
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        + "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            guard HTTPRequest.Method.usual.contains(request.method) else {
                throw Problem(.notImplemented, "this server does not know the method", remedy: "GET /openapi.json lists all methods")
            }
            response = try await next(request, context)
        } catch {
            let problem = Problem(any: error)
            if problem.status.code >= 500 {
                // A problem's text has neither names nor paths; another error's may.
                let reason = error is Problem ? problem.detail : String(reflecting: type(of: error))
                context.logger.error("failed", metadata: ["error": "\(reason)"])
            }
            response = problem.response()
        }
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "no-referrer"
        response.headers[.crossOriginOpenerPolicy] = "same-origin"
        response.headers[.crossOriginEmbedderPolicy] = "require-corp"
        response.headers[.requestNumber] = context.id
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let route = context.endpointPath ?? "none", code = response.status.code
        Counter(
            label: "vmunet_requests_total", dimensions: [("route", route), ("method", request.method.known), ("status", "\(code)")]
        ).increment()
        Recorder(label: "vmunet_request_seconds", dimensions: [("route", route)]).record(seconds)
        context.logger.info(
            "request",
            metadata: [
                "method": "\(request.method.known)", "route": "\(route)", "status": "\(code)",
                "milliseconds": "\(Int((seconds * 1000).rounded()))",
            ])
        return response
    }
}

extension HTTPField.Name {
    static let referrerPolicy = Self("Referrer-Policy")!
    static let crossOriginOpenerPolicy = Self("Cross-Origin-Opener-Policy")!
    static let crossOriginEmbedderPolicy = Self("Cross-Origin-Embedder-Policy")!
    static let requestNumber = Self("X-Request-Id")!
}

extension HTTPRequest.Method {
    static let usual: [Self] = [.get, .head, .post, .put, .delete, .patch, .options, .trace, Self("QUERY")!]
    /// The method, or "other", so that invented methods do not fill logs and metrics.
    var known: String { Self.usual.contains(self) ? rawValue : "other" }
}
