import Files
import Foundation
import GRDB
import Hummingbird
import Logging
import Metrics
import NIOCore
import ServiceLifecycle

/// Takes jobs, runs them one after the other, and keeps their results for a time.
///
/// A job is on the disk before it is acknowledged. Its result is moved into place as a whole before
/// the store records it, so a restart knows what is left to do, and does it once.
package actor JobService: Service {
    let files: JobFiles
    let store: JobStore
    nonisolated let audit: AuditLog
    private let models: ServedModels
    private nonisolated let limits: ServerLimits
    private let program: URL
    private let logger: Logger

    private var running: [String: JobProcess] = [:]
    /// Messages of processes about files that they cannot segment.
    private var refusals: [String: WorkNotice] = [:]
    private var listeners: [String: [Int: AsyncStream<Job>.Continuation]] = [:]
    private var nextListener = 0
    private var arriving = 0
    private var isStopping = false
    private let wakeups: AsyncStream<Void>
    private nonisolated let wake: AsyncStream<Void>.Continuation

    /// The most starts of a job: one that keeps ending with the server is probably the reason.
    private static let mostAttempts = 5
    /// Bytes to keep free on the disk for the store and for results.
    private static let reserve = 64 << 20

    /// - Parameters:
    ///   - folder: the folder of jobs.
    ///   - program: the executable with the command `job`.
    /// - Throws: an error if the folder cannot be made or the store cannot be opened.
    package init(folder: URL, models: ServedModels, limits: ServerLimits, program: URL, logger: Logger) throws {
        files = try JobFiles(folder)
        store = try JobStore(files.database)
        audit = AuditLog(store: store)
        (self.models, self.limits, self.program, self.logger) = (models, limits, program, logger)
        (wakeups, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Running

    /// Runs jobs until the server stops; the next start begins an interrupted job again.
    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.work() }
                group.addTask { while !Task.isCancelled { try? await Task.sleep(for: .seconds(15)); await self.tick() } }
                try await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            Task { await self.stop() }
        }
    }

    private func stop() {
        isStopping = true
        for process in running.values { process.end() }
        for streams in listeners.values { for stream in streams.values { stream.finish() } }
        wake.finish()
    }

    /// Call before the first request. Jobs with a result become done, jobs that were running are
    /// queued again, and files of unknown jobs are removed.
    func recover() async throws {
        let jobs = try await store.all()
        files.sweep(keeping: Set(jobs.map(\.id)))
        for job in jobs where job.state == .running {
            if files.hasResult(job.id) {
                try await finish(job)
            } else if job.attempts >= Self.mostAttempts {
                try await fail(job, "the server ended \(job.attempts) times while it ran", "tell whoever runs the server")
            } else {
                try await store.change(job.id) { $0.state = .queued }
            }
        }
        await expire()
    }

    private func work() async throws {
        var waiting = wakeups.makeAsyncIterator()
        while !isStopping {
            if let job = try await store.takeNext() { try await run(job) } else { guard await waiting.next() != nil else { return } }
        }
    }

    private func run(_ job: Job) async throws {
        let process = JobProcess()
        running[job.id] = process
        if isStopping { process.end() }
        defer { running[job.id] = nil }
        tell(job)
        logger.info("job begins", metadata: ["job": "\(job.id)", "attempt": "\(job.attempts)"])
        let deadline = Task {
            try await Task.sleep(for: .seconds(limits.jobSeconds))
            process.end()
        }
        defer { deadline.cancel() }
        let start = ContinuousClock.now
        let outcome = try await process.run(program, folder: files.folder(job.id)) { notice in await self.take(notice, of: job.id) }
        let refusal = refusals.removeValue(forKey: job.id)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Recorder(label: "vmunet_stage_seconds", dimensions: [("stage", "job")]).record(seconds)
        // Deleted meanwhile: its process may have written files after their removal.
        guard try await store.job(job.id) != nil else { return files.remove(job.id) }
        if files.hasResult(job.id) { return try await finish(job) }
        if isStopping {
            // The server is stopping, so this start does not count.
            try await store.change(job.id) { ($0.state, $0.attempts, $0.slicesDone) = (.queued, $0.attempts - 1, 0) }
            return
        }
        if let refusal, let problem = refusal.problem { return try await fail(job, problem, refusal.remedy ?? "") }
        switch outcome {
        case .ended: try await fail(job, "took more than \(limits.jobSeconds) seconds", "send a smaller volume")
        case .exit, .crash:
            try await fail(
                job,
                "its process ended early: the file is damaged, or needs more than the \(Memory.size(limits.jobMemory)) that a job may take",
                "send a smaller volume, or export it again")
        }
    }

    private func take(_ notice: WorkNotice, of id: String) async {
        if notice.problem != nil { refusals[id] = notice }
        guard notice.slices != nil || notice.done != nil else { return }
        let changed = try? await store.change(id) { job in
            job.slices = notice.slices ?? job.slices
            job.slicesDone = notice.done ?? job.slicesDone
        }
        if let changed { tell(changed) }
    }

    private func finish(_ job: Job) async throws {
        // Remove the input, which is a patient's, as soon as it is no longer needed.
        for name in ["input." + job.kind.rawValue, VolumeWork.name] {
            try? FileManager.default.removeItem(at: files.folder(job.id).appending(path: name))
        }
        let now = Date().timeIntervalSince1970
        let done = try await store.change(job.id) { ($0.state, $0.finished, $0.slicesDone) = (.done, now, $0.slices ?? $0.slicesDone) }
        await end(done, "finish")
    }

    private func fail(_ job: Job, _ problem: String, _ remedy: String) async throws {
        files.remove(job.id)
        let now = Date().timeIntervalSince1970
        let failed = try await store.change(job.id) { ($0.state, $0.finished, $0.problem, $0.remedy) = (.failed, now, problem, remedy) }
        await end(failed, "fail")
    }

    private func end(_ job: Job?, _ action: String) async {
        guard let job else { return }
        logger.info("job \(job.state.rawValue)", metadata: ["job": "\(job.id)"])
        let seconds = job.started.map { (job.finished ?? $0) - $0 }
        await audit.add(.init(client: job.client, action: action, subject: job.id, weights: job.weights, seconds: seconds))
        tell(job)
        for stream in listeners.removeValue(forKey: job.id)?.values ?? [:].values { stream.finish() }
    }

    // MARK: Requests

    /// Takes an upload, which `read` passes on piece by piece. Returns its job once it is on the
    /// disk.
    nonisolated func receive(
        model: ServedModel, threshold: Double?, owner: String, client: String, declared: Int?,
        read: (_ take: (ByteBuffer) throws -> Void) async throws -> Void
    ) async throws -> Job {
        try await admit(client, declared)
        let job: Job
        do {
            job = try await keep(model, threshold, owner, client, read)
        } catch {
            await arrived()
            throw error
        }
        await arrived()
        await audit.add(.init(client: client, action: "create", subject: job.id, weights: job.weights))
        wake.yield()
        return job
    }

    private nonisolated func keep(
        _ model: ServedModel, _ threshold: Double?, _ owner: String, _ client: String,
        _ read: (_ take: (ByteBuffer) throws -> Void) async throws -> Void
    ) async throws -> Job {
        let file = try IncomingFile(Job.makeID(), in: files)
        try await read(file.write)
        guard file.bytes > 0 else { throw Problem(.unprocessableContent, "is empty", remedy: "send a volume as the request's body") }
        guard let kind = VolumeKind(file.head) else {
            throw Problem(
                .unsupportedMediaType, "is \(FileSignature.of(file.head, size: file.bytes).name), not a volume that this server reads",
                remedy: "send NIfTI, NRRD, MetaImage, or a ZIP of a DICOM series")
        }
        let job = Job(
            id: file.id, owner: owner, client: client, kind: kind, bytes: file.bytes, model: model.name, weights: model.digest,
            threshold: threshold, created: Date().timeIntervalSince1970)
        try file.keep(as: kind, VolumeWork(model: model, job: job, limits: limits))
        do { try await store.add(job) } catch {
            files.remove(job.id)
            throw IncomingFile.problem((error as? DatabaseError)?.resultCode == .SQLITE_FULL ? ENOSPC : EIO)
        }
        return job
    }

    private func arrived() { arriving -= 1 }

    /// Counts a job as arriving. Throws ``Problem`` if there is no room for it.
    private func admit(_ client: String, _ declared: Int?) async throws {
        guard !isStopping else {
            throw Problem(.serviceUnavailable, "the server is stopping", remedy: "send it again later", retryAfter: 10)
        }
        arriving += 1
        do { try await check(client, declared) } catch {
            arriving -= 1
            throw error
        }
    }

    private func check(_ client: String, _ declared: Int?) async throws {
        let all = try await store.all(), waiting = all.count(where: \.isWaiting)
        guard waiting + arriving <= limits.waitingJobs else {
            throw Problem(.serviceUnavailable, "\(waiting) jobs are waiting", remedy: "send it again later", retryAfter: 30)
        }
        let own = all.filter { $0.client == client }
        guard own.count(where: \.isWaiting) < limits.jobsPerClient else {
            throw Problem(
                .tooManyRequests, "\(limits.jobsPerClient) jobs of yours are waiting", remedy: "wait for one of them", retryAfter: 30)
        }
        let held = own.reduce(0) { $0 + files.size($1.id) }
        guard held + (declared ?? 0) <= limits.bytesPerClient else {
            throw Problem(
                .tooManyRequests, "your jobs hold \(Memory.size(held)) of \(Memory.size(limits.bytesPerClient))",
                remedy: "delete some that are done", retryAfter: 60)
        }
        guard hasRoom(for: declared ?? 0) else { throw IncomingFile.problem(ENOSPC) }
    }

    /// Removes every trace of a job.
    func delete(_ job: Job) async throws {
        try await store.delete(job.id)
        running[job.id]?.end()
        files.remove(job.id)
        await audit.add(.init(client: job.client, action: "delete", subject: job.id, weights: job.weights))
        for stream in listeners.removeValue(forKey: job.id)?.values ?? [:].values { stream.finish() }
    }

    nonisolated func hasRoom(for bytes: Int) -> Bool { files.room.map { $0 >= bytes + Self.reserve } ?? true }
    func canWrite() async -> Bool { await store.canWrite() }

    func counts() async -> [(state: String, count: Int)] {
        ((try? await store.counts()) ?? [:]).map { ($0.key.rawValue, $0.value) }
    }

    // MARK: Progress

    /// A job's states, from the current one to its end. Every 15 seconds the state is repeated, so
    /// that no proxy takes the connection for dead.
    func changes(of id: String) async -> AsyncStream<Job> {
        let (stream, continuation) = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .bufferingNewest(1))
        nextListener += 1
        let number = nextListener
        listeners[id, default: [:]][number] = continuation
        continuation.onTermination = { _ in Task { await self.forget(id, number) } }
        // Read after listening, so that no change falls between the two.
        let job = try? await store.job(id)
        if let job { continuation.yield(job) }
        if job?.isWaiting != true || isStopping { continuation.finish() }
        return stream
    }

    private func forget(_ id: String, _ number: Int) {
        listeners[id]?[number] = nil
        if listeners[id]?.isEmpty == true { listeners[id] = nil }
    }

    private func tell(_ job: Job) { for stream in listeners[job.id]?.values ?? [:].values { stream.yield(job) } }

    // MARK: Time

    private func tick() async {
        for id in listeners.keys { if let job = try? await store.job(id) { tell(job) } }
        await expire()
    }

    /// Removes expired results and audit lines.
    private func expire() async {
        let limit = Date().timeIntervalSince1970 - Double(limits.retention)
        for job in (try? await store.all()) ?? [] where !job.isWaiting && (job.finished ?? job.created) < limit {
            _ = try? await store.delete(job.id)
            files.remove(job.id)
            await audit.add(.init(client: job.client, action: "expire", subject: job.id, weights: job.weights))
        }
        await audit.expire(limits.auditRetention)
    }
}
