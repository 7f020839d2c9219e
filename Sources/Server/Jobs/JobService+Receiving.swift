import Files
import Foundation
import GRDB
import NIOCore

/// Takes uploads.
extension JobService {
    /// Takes an upload, which `read` passes on piece by piece. Returns its job once it is on the
    /// disk.
    nonisolated func receive(
        model: ServedModel, threshold: Double?, owner: String, client: String, declared: Int?,
        read: (_ take: (ByteBuffer) throws -> Void) async throws -> Void
    ) async throws -> Job {
        if let declared, declared > limits.volumeBytes { throw Problem.tooLarge(limits.volumeBytes) }
        try await admit(client, declared)
        let job: Job
        do {
            job = try await keep(model, threshold, owner, client, read)
        } catch {
            await arrived(client)
            throw error
        }
        await arrived(client)
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
            threshold: threshold)
        try file.keep(as: kind, VolumeWork(model: model, job: job, limits: limits))
        do {
            try await store.add(job, noting: .init(client: client, action: "create", subject: job.id, weights: job.weights))
        } catch {
            files.remove(job.id)
            throw IncomingFile.problem((error as? DatabaseError)?.resultCode == .SQLITE_FULL ? ENOSPC : EIO)
        }
        return job
    }

    private func arrived(_ client: String) {
        let left = arriving[client, default: 1] - 1
        arriving[client] = left > 0 ? left : nil
    }

    /// Counts a job as arriving. Throws ``Problem`` if there is no room for it.
    private func admit(_ client: String, _ declared: Int?) async throws {
        guard !isStopping else {
            throw Problem(.serviceUnavailable, "the server is stopping", remedy: "send it again later", retryAfter: 10)
        }
        arriving[client, default: 0] += 1
        do { try await check(client, declared) } catch {
            arrived(client)
            throw error
        }
    }

    private func check(_ client: String, _ declared: Int?) async throws {
        let usage = try await store.usage(of: client)
        guard usage.waiting + arriving.values.reduce(0, +) <= limits.waitingJobs else {
            throw Problem(.serviceUnavailable, "\(usage.waiting) jobs are waiting", remedy: "send it again later", retryAfter: 30)
        }
        guard usage.ownWaiting + arriving[client, default: 0] <= limits.jobsPerClient else {
            throw Problem(
                .tooManyRequests, "\(limits.jobsPerClient) jobs of yours are waiting", remedy: "wait for one of them", retryAfter: 30)
        }
        guard usage.ownBytes + (declared ?? 0) <= limits.bytesPerClient else {
            throw Problem(
                .tooManyRequests, "your jobs hold \(Memory.size(usage.ownBytes)) of \(Memory.size(limits.bytesPerClient))",
                remedy: "delete some that are done", retryAfter: 60)
        }
        guard files.hasRoom(for: declared ?? 0) else { throw IncomingFile.problem(ENOSPC) }
    }
}
