import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The routes under `/v1/jobs`.
struct JobRoutes {
    let models: ServedModels
    let limits: ServerLimits
    let jobs: JobService

    func add(to routes: RouteTable) {
        routes.add("/v1/jobs", [.get: list, .post: create])
        routes.add("/v1/jobs/:id", [.get: show, .delete: delete])
        routes.add("/v1/jobs/:id/events", [.get: events])
        routes.add("/v1/jobs/:id/result", [.get: result])
        routes.add("/v1/jobs/:id/view/:layer/:plane/:index", [.get: view])
    }

    /// A job in responses.
    struct Shown: Encodable {
        let id: String
        let state: Job.State
        /// 0…1.
        let progress: Double
        let slices: Int?
        let slicesDone: Int
        let model: String
        let weights: String
        let threshold: Double?
        let bytes: Int
        let created: String
        let started: String?
        let finished: String?
        /// The time of its removal.
        let expires: String?
        let problem: Fault?
        let result: JobView?

        struct Fault: Encodable {
            let detail: String
            let remedy: String
        }

        private enum CodingKeys: String, CodingKey {
            case id, state, progress, slices, slicesDone = "slices_done", model, weights = "weights_sha256", threshold, bytes, created
            case started, finished, expires, problem, result
        }

        init(_ job: Job, retention: Int, result: JobView? = nil) {
            func time(_ seconds: Double?) -> String? { seconds.map { Date(timeIntervalSince1970: $0).formatted(.iso8601) } }
            (id, state, slices, slicesDone) = (job.id, job.state, job.slices, job.slicesDone)
            progress = job.state == .done ? 1 : job.slices.map { Double(job.slicesDone) / Double(max($0, 1)) } ?? 0
            (model, weights, threshold, bytes) = (job.model, job.weights, job.threshold, job.bytes)
            (created, started, finished) = (time(job.created) ?? "", time(job.started), time(job.finished))
            expires = time(job.finished.map { $0 + Double(retention) })
            problem = job.problem.map { Fault(detail: $0, remedy: job.remedy ?? "") }
            self.result = result
        }
    }

    private func shown(_ job: Job) -> Shown {
        let view = job.state == .done ? try? JobView.read(jobs.files.result(job.id)) : nil
        return Shown(job, retention: limits.retention, result: view)
    }

    // MARK: Requests

    /// The job that the path names, if it is the client's; others' jobs do not exist for it.
    private func job(_ context: ServerContext) async throws -> Job {
        guard let id = context.parameters.get("id"), Job.isID(id), let job = try await jobs.store.job(id), job.owner == context.owner
        else {
            throw Problem(.notFound, "there is no such job", remedy: "GET /v1/jobs lists yours; finished ones are removed after a time")
        }
        return job
    }

    @Sendable private func list(_ request: Request, _ context: ServerContext) async throws -> Response {
        .json(["jobs": try await jobs.store.jobs(owner: context.owner).map { Shown($0, retention: limits.retention) }])
    }

    @Sendable private func create(_ request: Request, _ context: ServerContext) async throws -> Response {
        let query = try request.query(["model", "threshold"])
        try request.requirePlainBody()
        let model = try models.forVolumes(query.get("model"))
        guard model.isUnchanged else {
            throw Problem(
                .serviceUnavailable, "the weights' file has changed, or is gone, since the server read it",
                remedy: "tell whoever runs the server to restart it", retryAfter: 60)
        }
        let segmenter = try model.segmenter.with(query)
        let job = try await jobs.receive(
            model: model, threshold: query.get("threshold") == nil ? nil : segmenter.shownThreshold, owner: context.owner,
            client: context.client, declared: request.declaredLength
        ) { take in
            try await request.readBody(upTo: limits.volumeBytes, limits, take)
        }
        var response = Response.json(Shown(job, retention: limits.retention), status: .accepted)
        response.headers[.location] = "/v1/jobs/\(job.id)"
        return response
    }

    @Sendable private func show(_ request: Request, _ context: ServerContext) async throws -> Response {
        .json(shown(try await job(context)))
    }

    @Sendable private func delete(_ request: Request, _ context: ServerContext) async throws -> Response {
        try await jobs.delete(job(context))
        return Response(status: .noContent)
    }

    /// Server-sent events: `job` with the job as JSON, at each change, until it ends.
    @Sendable private func events(_ request: Request, _ context: ServerContext) async throws -> Response {
        let changes = try await jobs.changes(of: try await job(context).id)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = ResponseBody { writer in
            for await job in changes {
                let data = String(decoding: try encoder.encode(shown(job)), as: UTF8.self)
                try await writer.write(ByteBuffer(string: "event: job\ndata: \(data)\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "text/event-stream"], body: body)
    }

    private func done(_ context: ServerContext) async throws -> Job {
        let job = try await job(context)
        guard job.state == .done else {
            throw Problem(
                .conflict, job.state == .failed ? "the job failed" : "the job is not done yet", remedy: "GET /v1/jobs/ID shows its state",
                retryAfter: job.isWaiting ? 2 : nil)
        }
        return job
    }

    @Sendable private func result(_ request: Request, _ context: ServerContext) async throws -> Response {
        let job = try await done(context)
        let folder = jobs.files.result(job.id)
        let there = JobResult.allCases.filter { FileManager.default.fileExists(atPath: folder.appending(path: $0.rawValue).path) }
        guard !there.isEmpty else {
            throw Problem(
                .init(code: 410, reasonPhrase: "Gone"), "the job's files are gone", remedy: "delete the job, and send its volume again")
        }
        guard let type = Accept(request.headers[.accept]).best(there.map(\.type)), let wanted = there.first(where: { $0.type == type })
        else {
            throw Problem(
                .notAcceptable, "there is no such result", remedy: "name one of \(there.map(\.type).joined(separator: ", ")) in Accept")
        }
        await jobs.audit.add(.init(client: context.client, action: "read", subject: job.id, weights: job.weights))
        return try await FileAnswer.response(
            folder.appending(path: wanted.rawValue), type: type, name: "\(job.id.prefix(8))-\(wanted.rawValue)")
    }

    @Sendable private func view(_ request: Request, _ context: ServerContext) async throws -> Response {
        let job = try await done(context)
        let folder = jobs.files.result(job.id)
        guard let layer = context.parameters.get("layer").flatMap(JobView.Layer.init),
            let plane = context.parameters.get("plane").flatMap(JobView.Plane.init), let view = try? JobView.read(folder),
            let index = context.parameters.get("index").flatMap({ Int($0) }), 0..<view.count(plane) ~= index
        else { throw Problem(.notFound, "there is no such plane") }
        return .bytes(try view.png(layer, plane, index, in: folder), type: "image/png")
    }
}

extension ServedModels {
    /// The model for a volume: the one named, or the first that was not trained on pictures.
    func forVolumes(_ name: String?) throws -> ServedModel {
        let model = name == nil ? all.first { $0.segmenter.metadata.input != .pictures } : try chosen(name)
        guard let model, model.segmenter.metadata.input != .pictures else {
            throw Problem(
                .unprocessableContent, "these weights were trained on pictures",
                remedy: "choose weights for volumes with ?model=; GET /v1/models lists them")
        }
        return model
    }
}
