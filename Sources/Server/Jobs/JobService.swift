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
    /// Held as long as the server runs: two servers would run each other's jobs.
    private let lock: FolderLock
    let store: JobStore
    nonisolated let audit: AuditLog
    private let models: ServedModels
    nonisolated let limits: ServerLimits
    private let program: URL
    private let logger: Logger

    private var running: [String: JobProcess] = [:]
    /// Messages of processes about files that they cannot segment.
    private var refusals: [String: WorkNotice] = [:]
    private var listeners: [String: [Int: AsyncStream<Job>.Continuation]] = [:]
    private var nextListener = 0
    /// Uploads on their way, by client.
    var arriving: [String: Int] = [:]
    var isStopping = false
    /// A job that was started and whose end is not in the store yet.
    private var unsettled: Job?
    private let wakeups: AsyncStream<Void>
    nonisolated let wake: AsyncStream<Void>.Continuation

    /// The most starts of a job: one that keeps ending with the server is probably the reason.
    private static let mostAttempts = 5
    /// - Parameters:
    ///   - folder: the folder of jobs.
    ///   - program: the executable with the command `job`.
    /// - Throws: an error if the folder cannot be made or the store cannot be opened.
    package init(folder: URL, models: ServedModels, limits: ServerLimits, program: URL, logger: Logger) throws {
        files = try JobFiles(folder)
        guard let lock = FolderLock(folder.path) else {
            throw FileError(
                .unwritable, file: folder.relativePath, reason: "another server uses this folder",
                remedy: "stop that server, or choose another folder with --data")
        }
        self.lock = lock
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
        // Earlier versions did not measure results.
        for job in jobs where job.state == .done {
            let held = files.size(job.id)
            if held != job.held { try await store.change(job.id) { $0.held = held } }
        }
        await expire()
    }

    private func work() async throws {
        var waiting = wakeups.makeAsyncIterator()
        while !isStopping, !Task.isCancelled {
            do {
                // A full disk ends neither a job nor the server: both wait for room.
                guard files.hasRoom(for: 0) else {
                    await pause()
                    continue
                }
                if let job = unsettled {
                    try await settle(job)
                    unsettled = nil
                }
                if let job = try await store.takeNext() {
                    try await run(job)
                } else if await waiting.next() == nil {
                    return
                }
            } catch {
                let reason = (error as? DatabaseError)?.message ?? String(reflecting: type(of: error))
                logger.error("a job cannot be run or recorded", metadata: ["error": "\(reason)"])
                await pause()
            }
        }
    }

    private func pause() async {
        for _ in 0..<5 where !isStopping && !Task.isCancelled { try? await Task.sleep(for: .seconds(1)) }
    }

    /// Records a job's state as its files show it.
    private func settle(_ job: Job) async throws {
        if files.hasResult(job.id) { return try await finish(job) }
        try await store.change(job.id) { ($0.state, $0.slicesDone) = (.queued, 0) }
    }

    private func run(_ job: Job) async throws {
        unsettled = job
        files.clean(job.id)
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
        try await record(job, outcome, refusal)
        unsettled = nil
    }

    /// Records the outcome of a job's process.
    private func record(_ job: Job, _ outcome: JobProcess.Outcome, _ refusal: WorkNotice?) async throws {
        // Deleted meanwhile: its process may have written files after their removal.
        guard try await store.job(job.id) != nil else { return files.remove(job.id) }
        if files.hasResult(job.id) { return try await finish(job) }
        if isStopping {
            // The server is stopping, so this start does not count.
            try await store.change(job.id) { ($0.state, $0.attempts, $0.slicesDone) = (.queued, $0.attempts - 1, 0) }
        } else if refusal?.isDiskFull == true, job.attempts < Self.mostAttempts {
            logger.warning("the disk is full", metadata: ["job": "\(job.id)"])
            files.clean(job.id)
            tell(try await store.change(job.id) { ($0.state, $0.slicesDone) = (.queued, 0) } ?? job)
            await pause()
        } else if refusal?.isDiskFull == true {
            try await fail(
                job, "the server's disk was full each of \(job.attempts) times", "delete jobs that are no longer needed, and send it again")
        } else if let refusal, let problem = refusal.problem {
            try await fail(job, problem, refusal.remedy ?? "")
        } else if outcome == .ended {
            try await fail(job, "took more than \(limits.jobSeconds) seconds", "send a smaller volume")
        } else {
            try await fail(
                job,
                "its process ended early: the file is damaged, or needs more than the \(Memory.size(limits.jobMemory)) that a job may take",
                "send a smaller volume, or export it again")
        }
    }

    private func take(_ notice: WorkNotice, of id: String) async {
        if notice.problem != nil || notice.isDiskFull == true { refusals[id] = notice }
        guard notice.slices != nil || notice.done != nil else { return }
        let changed = try? await store.change(id) { job in
            job.slices = notice.slices ?? job.slices
            job.slicesDone = notice.done ?? job.slicesDone
        }
        if let changed { tell(changed) }
    }

    private func finish(_ job: Job) async throws {
        files.keepResult(job.id)
        let now = Date().timeIntervalSince1970, held = files.size(job.id)
        let done = try await store.change(job.id, noting: line(job, "finish", now)) {
            ($0.state, $0.finished, $0.slicesDone, $0.held) = (.done, now, $0.slices ?? $0.slicesDone, held)
        }
        end(done)
    }

    private func fail(_ job: Job, _ problem: String, _ remedy: String) async throws {
        files.remove(job.id)
        let now = Date().timeIntervalSince1970
        let failed = try await store.change(job.id, noting: line(job, "fail", now)) {
            ($0.state, $0.finished, $0.held, $0.problem, $0.remedy) = (.failed, now, 0, problem, remedy)
        }
        end(failed)
    }

    private func line(_ job: Job, _ action: String, _ now: Double) -> AuditLog.Line {
        .init(client: job.client, action: action, subject: job.id, weights: job.weights, seconds: job.started.map { now - $0 })
    }

    private func end(_ job: Job?) {
        guard let job else { return }
        logger.info("job \(job.state.rawValue)", metadata: ["job": "\(job.id)"])
        tell(job)
        for stream in listeners.removeValue(forKey: job.id)?.values ?? [:].values { stream.finish() }
    }

    // MARK: Requests

    /// Removes every trace of a job.
    func delete(_ job: Job) async throws {
        do { try await store.delete(job.id) } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            // The files' room lets the store forget the job.
            files.remove(job.id)
            try await store.delete(job.id)
        }
        running[job.id]?.end()
        files.remove(job.id)
        await audit.add(.init(client: job.client, action: "delete", subject: job.id, weights: job.weights))
        for stream in listeners.removeValue(forKey: job.id)?.values ?? [:].values { stream.finish() }
    }

    func canWrite() async -> Bool { await store.canWrite() }

    func counts() async -> [(state: String, count: Int)] {
        ((try? await store.counts()) ?? [:]).map { ($0.key.rawValue, $0.value) }
    }

    // MARK: Progress

    /// A job's states, from the current one to its end. Every 15 seconds the state is repeated, so
    /// that no proxy takes the connection for dead.
    func changes(of id: String) async throws -> AsyncStream<Job> {
        guard listeners.values.reduce(0, { $0 + $1.count }) < limits.listeners else {
            throw Problem(.serviceUnavailable, "too many clients follow jobs", remedy: "ask for the job's state instead", retryAfter: 5)
        }
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
