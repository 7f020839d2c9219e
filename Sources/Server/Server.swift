import Commands
import Files
import Foundation
import GRDB
import Hummingbird
import Logging
import Metrics
import NIOCore
import ServiceLifecycle

/// A server's settings.
package struct ServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    package var port = 8080
    package var access: Access
    package var limits = ServerLimits()
    /// The folder of jobs and of the audit log.
    package var data: URL
    package var models: ServedModels
    /// The page's files by their paths; empty if there is no page.
    package var page = ServedPage()
    /// The executable with the command `job`.
    package var program: URL

    package init(access: Access, data: URL, models: ServedModels, program: URL) {
        (self.access, self.data, self.models, self.program) = (access, data, models, program)
    }
}

/// The server: its routes and its jobs.
package struct Server: Sendable {
    let configuration: ServerConfiguration
    let jobs: JobService
    let metrics: MetricsStore
    private let logger: Logger

    /// - Throws: an error if the store cannot be opened.
    package init(_ configuration: ServerConfiguration, metrics: MetricsStore, logger: Logger) throws {
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        jobs = try JobService(
            folder: configuration.data, models: configuration.models, limits: configuration.limits, program: configuration.program,
            logger: logger)
    }

    /// Every route, behind the middleware of all requests.
    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self)
        router.add(middleware: AnswerMiddleware())
        router.add(middleware: AccessMiddleware(access: configuration.access))
        let routes = RouteTable(router: router)
        let pictures = PictureRoutes(models: configuration.models, limits: configuration.limits, audit: jobs.audit)
        pictures.add(to: routes)
        JobRoutes(models: configuration.models, limits: configuration.limits, jobs: jobs).add(to: routes)
        OperationRoutes(models: configuration.models, metrics: metrics, pictures: pictures, jobs: jobs, limits: configuration.limits)
            .add(to: routes)
        configuration.page.add(to: routes)
        return router
    }

    /// Answers until SIGTERM or SIGINT; then finishes the answers under way. `listening` gets the
    /// port.
    package func run(listening: @escaping @Sendable (_ port: Int) -> Void) async throws {
        do { try await jobs.recover() } catch let error as DatabaseError { throw StoreError(jobs.files.database, error) }
        let settings = ApplicationConfiguration(
            address: .hostname(configuration.host, port: configuration.port), serverName: "vmunet",
            availableConnectionsDelegate: .maximum(configuration.limits.connections, logger: logger))
        let application = Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ConnectionGuard(), ContinueHandler(limit: configuration.limits.volumeBytes)],
                    idleTimeout: .seconds(75),
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: settings,
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) },
            logger: logger)
        // Services stop in reverse order: answers that follow a job end with the jobs, and the server
        // waits for its answers.
        var group = ServiceGroupConfiguration(
            services: [application, jobs], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(60)
        do { try await ServiceGroup(configuration: group).run() } catch let error as IOError {
            throw AddressError(host: configuration.host, port: configuration.port, number: error.errnoCode)
        }
    }
}

/// An address that the server cannot listen on.
private struct AddressError: UserError {
    let host: String, port: Int
    let number: Int32

    var subject: String { "\(host):\(port)" }
    var problem: String {
        switch number {
        case EADDRINUSE: "another program listens there"
        case EACCES: "this user may not listen there"
        case EADDRNOTAVAIL: "is no address of this machine"
        default: "cannot listen there: \(String(cString: strerror(number)))"
        }
    }
    var remedy: String { number == EADDRNOTAVAIL ? "choose another address with --host" : "choose another port with --port" }
    var category: UserErrorCategory { .usage }
}
