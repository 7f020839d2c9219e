import Hummingbird
import Logging
import NIOCore

/// The values that accompany a request on its way.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The asker's address, without the port.
    let address: String
    /// Who asks, for limits and the audit log: a token's mark, or the address.
    var client: String
    /// Whose jobs the asker sees: a token's mark; empty where none is needed.
    var owner = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? "local"
        client = address
    }
}
