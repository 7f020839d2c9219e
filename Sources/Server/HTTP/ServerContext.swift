import Hummingbird
import Logging
import NIOCore

/// The values that accompany a request.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The client's address, without the port.
    let address: String
    /// The client's name in limits and the audit log: a token's mark, or the address.
    var client: String
    /// The owner whose jobs the client sees: a token's mark; empty if no token is needed.
    var owner = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "local"
        client = address
    }
}
