import HTTPTypes
import Hummingbird

/// The router's paths and their methods. Any other method gets 405, with the valid ones in `Allow`.
struct RouteTable {
    typealias Handler = @Sendable (Request, ServerContext) async throws -> Response

    let router: Router<ServerContext>

    func add(_ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]) {
        var handlers = handlers
        if let get = handlers[.get], handlers[.head] == nil {
            handlers[.head] = { try await get($0, $1).createHeadResponse() }
        }
        let allowed = handlers.keys.sorted { $0.rawValue < $1.rawValue }
        for method in HTTPRequest.Method.usual {
            let handler = handlers[method]
            router.on(path, method: method) { request, context in
                guard let handler else {
                    throw Problem(.methodNotAllowed, "this address has no \(method.rawValue)", allowed: allowed)
                }
                return try await handler(request, context)
            }
        }
    }
}
