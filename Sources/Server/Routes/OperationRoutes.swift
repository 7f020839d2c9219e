import Files
import Foundation
import Hummingbird
import Imaging
import Metrics
import Segmentation

/// `/healthz`, `/metrics` and `/openapi.json`.
struct OperationRoutes {
    let models: ServedModels
    let metrics: MetricsStore
    let pictures: PictureRoutes
    /// Nil if the server takes no jobs.
    let jobs: JobService?
    let limits: ServerLimits
    private let check = SharedCheck()

    func add(to routes: RouteTable) {
        routes.add("/healthz", [.get: { _, _ in await check.answer(health) }])
        routes.add(
            "/metrics",
            [
                .get: { _, _ in
                    await measure()
                    return .bytes(Array(metrics.text.utf8), type: "text/plain; version=0.0.4; charset=utf-8")
                }
            ])
        let description = Array(OpenAPI.text(limits, models).utf8)
        routes.add("/openapi.json", [.get: { _, _ in .bytes(description, type: "application/json") }])
    }

    fileprivate struct Health: Encodable, Sendable {
        var status = "ok"
        var version = Provenance.version
        /// The result of each check: "ok" or the problem.
        var checks: [String: String] = [:]
    }

    /// Runs a picture through each network, writes to the store, and looks at the disk.
    private func health() async -> Health {
        var health = Health()
        let size = 64
        let grey = Picture(width: size, height: size, channels: 3, pixels: [UInt8](repeating: 128, count: size * size * 3))
        let png = (try? PictureFile.png(grey)) ?? []
        for model in models.all {
            guard model.isUnchanged else {
                health.checks["model \(model.name)"] = "its file has changed or is gone; restart the server"
                continue
            }
            let work = PictureWork(bytes: png, segmenter: model.segmenter, wantsMask: true)
            do {
                let answer = try await pictures.queue.run(work, pixels: size * size, client: "")
                health.checks["model \(model.name)"] = answer.width == size ? "ok" : "its mask has a wrong size"
            } catch {
                health.checks["model \(model.name)"] = "fails"
            }
        }
        if let jobs {
            health.checks["store"] = await jobs.canWrite() ? "ok" : "cannot be written"
            health.checks["uploads"] = jobs.files.canStore ? "ok" : "cannot be stored"
            health.checks["disk"] = jobs.files.hasRoom(for: 1 << 20) ? "ok" : "is full"
        }
        if !health.checks.values.allSatisfy({ $0 == "ok" }) { health.status = "failing" }
        return health
    }

    private func measure() async {
        Gauge(label: "vmunet_pictures_waiting").record(pictures.admission.count)
        Gauge(label: "vmunet_memory_bytes").record(Double(OwnProcess.residentBytes))
        if let jobs {
            for (state, count) in await jobs.counts() { Gauge(label: "vmunet_jobs", dimensions: [("state", state)]).record(count) }
        }
    }
}

/// Lets requests that arrive during a check share it, so that a flood of them runs one at a time.
private actor SharedCheck {
    private var underWay: Task<OperationRoutes.Health, Never>?

    /// Answers 503 if a check fails.
    func answer(_ check: @escaping @Sendable () async -> OperationRoutes.Health) async -> Response {
        let task = underWay ?? Task { await check() }
        underWay = task
        let health = await task.value
        if underWay == task { underWay = nil }
        return .json(health, status: health.status == "ok" ? .ok : .serviceUnavailable)
    }
}

/// Figures about this process.
enum OwnProcess {
    /// Bytes of memory in use; 0 if the system does not say.
    static var residentBytes: Int {
        let fields = (systemText("/proc/self/statm") ?? "").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}
