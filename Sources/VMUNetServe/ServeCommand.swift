import ArgumentParser
import Commands
import Files
import Foundation
import Logging
import Metrics
import Segmentation
import Server
import Synchronization

#if VMUNET_LIBTORCH
    import Networks
    import Torch
#endif

/// The program behind `./vmunet serve`.
@main
struct ServeTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Invocation.name, abstract: "Vision Mamba UNet: a page and a server.", version: Provenance.version,
        subcommands: [Serve.self, WorkOnJob.self])

    static func main() {
        #if VMUNET_LIBTORCH
            Torch.useCachingAllocator()
            Torch.onKernelCompilation(Console.compiling)
            run(with: Backend(networks: .torch, hasLibtorch: true) { Torch.isGPUPresent })
        #else
            run(with: Backend(networks: .kernels) { false })
        #endif
    }
}

/// One job, in a process of its own; the server runs it.
struct WorkOnJob: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "job", abstract: "One job of a server.", shouldDisplay: false)

    @Argument var folder: String

    func run() { VolumeWorker.run(URL(filePath: folder), on: Backend.current) }
}

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a page for people and an interface for programs, on this machine.",
        discussion: """
            Examples:
              vmunet serve                                   then open http://127.0.0.1:8080
              vmunet serve --weights liver.safetensors --port 9000
              vmunet serve --host 0.0.0.0 --tokens tokens.txt
              vmunet serve --device cuda --precision bf16    on a GPU, by the server that ./vmunet builds with libtorch
              curl -T photo.jpg http://127.0.0.1:8080/v1/predict --output mask.png

            Only this machine can reach it unless --host says otherwise, which needs --tokens. docs/server.md describes the interface, limits and \
            metrics, and running it behind nginx and systemd. Research software, not a medical device.
            """)

    @Option(help: "Weights to serve, .pth or .safetensors; may be repeated. Default: as for predict.")
    var weights: [String] = []

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 8080

    @Option(help: "A file of tokens, one per line; requests then need one of them.")
    var tokens: String?

    @Flag(help: "Let anyone who reaches the address in, without a token.")
    var withoutToken = false

    @Option(help: "A name of this machine by which browsers ask for the page, if no token is needed; may be repeated.")
    var name: [String] = []

    @Option(help: "The folder for jobs and the audit log. Default: vmunet-server in this user's data folder.")
    var data: String?

    @Option(help: "Hours that finished jobs are kept.")
    var keep = 168

    @Option(help: "Days that the audit log is kept.")
    var keepAudit = 365

    @Option(help: "The most bytes of a volume, such as 2G.")
    var maxVolume: Bytes?

    @Option(help: "The most bytes of a picture, such as 64M.")
    var maxPicture: Bytes?

    @Option(help: "The most pixels of a picture.")
    var maxPixels: Int?

    @Option(help: "The most voxels of a volume.")
    var maxVoxels: Int?

    @Option(help: "The most jobs waiting or running.")
    var maxJobs: Int?

    @Option(help: "The most jobs of one client waiting or running.")
    var maxJobsPerClient: Int?

    @Option(help: "The most bytes of one client's jobs on the disk, such as 20G.")
    var maxStorePerClient: Bytes?

    @Option(help: "The most pictures waiting or running.")
    var maxWaiting: Int?

    @Option(help: "The most pictures of one client waiting or running.")
    var maxWaitingPerClient: Int?

    @Option(help: "The most open connections.")
    var maxConnections: Int?

    @Option(help: "Minutes after which a job is ended.")
    var jobTime = 60

    @Option(help: "The most memory of a job's process, such as 12G.")
    var jobMemory: Bytes?

    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port: expected 0 to 65535, got \(port)") }
        try Require.count(keep, "--keep", upTo: 1_000_000)
        try Require.count(keepAudit, "--keep-audit", upTo: 100_000)
        try Require.count(jobTime, "--job-time", upTo: 100_000)
        for (value, name) in [
            (maxPixels, "--max-pixels"), (maxJobs, "--max-jobs"), (maxJobsPerClient, "--max-jobs-per-client"),
            (maxWaiting, "--max-waiting"), (maxWaitingPerClient, "--max-waiting-per-client"), (maxConnections, "--max-connections"),
        ] { if let value { try Require.count(value, name, upTo: 1_000_000_000) } }
        if let maxVoxels { try Require.count(maxVoxels, "--max-voxels", upTo: 1 << 31) }
    }

    func run() throws {
        let access = try access()
        let urls = weights.isEmpty ? [InstalledWeights.url()].compactMap(\.self) : weights.map { URL(filePath: $0) }
        guard let first = urls.first else {
            throw ValidationError("--weights is needed: the package's own weights are not beside this tool")
        }
        guard let program = executablePath() else { throw ValidationError("this program cannot find its own file") }
        let models = try urls.map { try ServedModel($0, compute: compute.compute, networks: Backend.current.networks) }
        guard Set(models.map(\.name)).count == models.count else {
            throw ValidationError("--weights: two files have the same name, and requests choose by name; rename one")
        }
        let folder = data.map { URL(filePath: $0) } ?? Self.usualFolder
        var configuration = ServerConfiguration(access: access, data: folder, models: ServedModels(models), program: URL(filePath: program))
        (configuration.host, configuration.port, configuration.limits) = (host, port, limits)
        let page = try ServedPage(weights: first, in: folder.appending(path: "page"))
        if page == nil { Console.note("note: the page's files are not beside this tool; only the interface is served") }
        configuration.page = page ?? ServedPage()
        let metrics = MetricsStore()
        MetricsSystem.bootstrap(metrics)
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        let server = try Server(configuration, metrics: metrics, logger: Logger(label: "vmunet"))
        let host = host
        try Blocking.run {
            try await server.run { port in
                Console.note("serving on http://\(host.contains(":") ? "[\(host)]" : host):\(port); press Ctrl-C to stop")
            }
        }
    }

    private func access() throws -> Access {
        var known: [String] = []
        if let tokens {
            known = try String(contentsOf: URL(filePath: tokens), encoding: .utf8).split(whereSeparator: \.isNewline).map {
                String($0).trimmed
            }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
            guard !known.isEmpty else {
                throw ValidationError("--tokens: \(tokens) holds none; make one with: openssl rand -hex 32 >> \(tokens)")
            }
        }
        guard !known.isEmpty || withoutToken || ["127.0.0.1", "::1", "localhost"].contains(host) else {
            throw ValidationError(
                "--host \(host) lets other machines in: give tokens with --tokens FILE, or let anyone in with --without-token")
        }
        if withoutToken, known.isEmpty {
            Console.note("warning: anyone who reaches \(host):\(port) can send files, read every job's result and delete it")
        }
        return try Access(tokens: known, names: name)
    }

    private var limits: ServerLimits {
        var limits = ServerLimits()
        limits.retention = keep * 3600
        limits.auditRetention = keepAudit * 86_400
        limits.jobSeconds = jobTime * 60
        limits.volumeBytes = maxVolume?.count ?? limits.volumeBytes
        limits.pictureBytes = maxPicture?.count ?? limits.pictureBytes
        limits.picturePixels = maxPixels ?? limits.picturePixels
        limits.voxels = maxVoxels ?? limits.voxels
        limits.requestsPerClient = maxWaitingPerClient ?? limits.requestsPerClient
        limits.connections = maxConnections ?? limits.connections
        limits.waitingJobs = maxJobs ?? limits.waitingJobs
        limits.jobsPerClient = maxJobsPerClient ?? limits.jobsPerClient
        limits.bytesPerClient = maxStorePerClient?.count ?? limits.bytesPerClient
        limits.waitingPictures = maxWaiting ?? limits.waitingPictures
        limits.jobMemory = jobMemory?.count ?? limits.jobMemory
        return limits
    }

    /// systemd's `StateDirectory`, else the user's own data.
    private static var usualFolder: URL {
        let environment = ProcessInfo.processInfo.environment
        if let state = environment["STATE_DIRECTORY"], !state.isEmpty { return URL(filePath: state) }
        let home =
            environment["XDG_DATA_HOME"].flatMap { $0.isEmpty ? nil : URL(filePath: $0) }
            ?? URL.homeDirectory.appending(path: ".local/share")
        return home.appending(path: "vmunet-server")
    }
}

/// A number of bytes: 500000, 64M, 2G.
struct Bytes: ExpressibleByArgument {
    let count: Int

    init?(argument: String) {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
        let unit = argument.last.flatMap { units[Character($0.uppercased())] }
        guard let number = Int(unit == nil ? argument : String(argument.dropLast())), number > 0 else { return nil }
        let (count, isTooLarge) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !isTooLarge else { return nil }
        self.count = count
    }
}

/// Runs asynchronous work from a synchronous command.
enum Blocking {
    private final class Outcome: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    static func run(_ work: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0), outcome = Outcome()
        Task {
            do { try await work() } catch { outcome.error.withLock { $0 = error } }
            done.signal()
        }
        done.wait()
        if let error = outcome.error.withLock(\.self) { throw error }
    }
}
