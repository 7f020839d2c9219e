import Foundation
import HTTPTypes
import Hummingbird
import Imaging
import NIOCore
import Segmentation
import TensorFiles
import Testing

@testable import Server

@Suite struct JobTests {
    /// A NIfTI file of 6 slices of 40×36 with a dark ball.
    static func volume() throws -> [UInt8] {
        let (D, H, W) = (6, 40, 36)
        var voxels: [Float] = []
        for z in 0..<D {
            for y in 0..<H {
                for x in 0..<W {
                    let distance = (x - 18) * (x - 18) + (y - 20) * (y - 20) + 16 * (z - 3) * (z - 3)
                    voxels.append(distance < 140 ? 20 : 200)
                }
            }
        }
        let url = FileManager.default.temporaryDirectory.appending(path: "volume-\(UUID().uuidString).nii.gz")
        defer { try? FileManager.default.removeItem(at: url) }
        try NIfTIFile.write(
            VolumeImage(voxels: HostTensor(voxels, shape: [D, H, W]), geometry: VolumeGeometry(spacing: [2, 2, 3])), to: url)
        return [UInt8](try Data(contentsOf: url))
    }

    private func asked(limits: (inout ServerLimits) -> Void = { _ in }) throws -> AskedServer {
        try AskedServer(models: [AskedServer.volumes()], limits: limits)
    }

    private func names(_ folder: URL) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted() }

    @Test(arguments: [
        ("'../Name, A/it's.dcm' is damaged: CRC error", "a file in it is damaged: CRC error"),
        ("truncated: 'IM1' ends 3 bytes early", "truncated: a file in it ends 3 bytes early"),
        ("the series' slices do not fit", "the series' slices do not fit"), ("it's the network's", "it's the network's"),
    ])
    func problemsOfArchivesNameNoFile(problem: String, shown: String) {
        #expect(VolumeWorker.withoutNames(problem) == shown)
    }

    @Test(arguments: [
        ("holds several series; pick one by --series NUMBER or UID:\n1  CT", "holds several series"),
        ("export the series again, or go on without the file by --resample", "export the series again"),
        ("choose --window LOW,HIGH", "send one series or one volume"), ("its slices differ", "its slices differ"),
    ])
    func reasonsNameNoOptions(text: String, shown: String) {
        #expect(VolumeWorker.withoutOptions(text) == shown)
    }

    @Test func jobIsOnTheDiskBeforeItIsAcknowledged() async throws {
        let asked = try asked()
        defer { asked.remove() }
        let bytes = try Self.volume()
        let answer = try await asked.ask(.post, "/v1/jobs?threshold=0.4", body: bytes)
        #expect(answer.status == 202)
        let id = try #require(answer.json["id"] as? String)
        #expect(answer.headers[.location] == "/v1/jobs/\(id)")
        let files = try JobFiles(asked.folder)
        #expect(try Data(contentsOf: files.folder(id).appending(path: "input.nii.gz")) == Data(bytes))
        #expect(names(files.incoming) == [])
        // Another process finds it in the store.
        let job = try #require(try await JobStore(files.database).job(id))
        #expect(job.state == .queued && job.kind == .packedNIfTI && job.threshold == 0.4 && job.bytes == bytes.count)
    }

    @Test func deletingRemovesEveryTrace() async throws {
        let asked = try asked()
        defer { asked.remove() }
        let address = try #require(try await asked.ask(.post, "/v1/jobs", body: Self.volume()).headers[.location])
        #expect(try await asked.ask(.delete, address).status == 204)
        #expect(try await asked.ask(.get, address).status == 404)
        #expect(try await asked.ask(.delete, address).status == 404)
        let files = try JobFiles(asked.folder)
        #expect(names(files.jobs) == [] && names(files.incoming) == [])
        #expect(try await JobStore(files.database).all() == [])
        for ending in ["", "-wal"] {
            let bytes = (try? Data(contentsOf: URL(filePath: files.database.path + ending))) ?? Data()
            // The audit log has the job's number, and nothing else of it.
            #expect(bytes.range(of: Data("packedNIfTI".utf8)) == nil && bytes.range(of: Data("nii.gz".utf8)) == nil)
        }
    }

    @Test func unfitBodiesLeaveNothing() async throws {
        let asked = try asked {
            $0.volumeBytes = 5000
            $0.waitingJobs = 1
        }
        defer { asked.remove() }
        func status(_ bytes: [UInt8], _ path: String = "/v1/jobs") async throws -> Int {
            try await asked.ask(.post, path, body: bytes).status
        }
        #expect(try await status([]) == 422)
        #expect(try await status(Array("a text".utf8)) == 415)
        #expect(try await status(PictureFile.png(AskedServer.spot())) == 415)
        #expect(try await status([UInt8](repeating: 0x1F, count: 5001)) == 413)
        #expect(try await status(Self.volume(), "/v1/jobs?model=none") == 400)
        #expect(try await status(Self.volume(), "/v1/jobs?tresh=0.5") == 400)
        // Sizes beyond the limit are refused as such, whatever the client's jobs hold.
        #expect(try await asked.ask(.post, "/v1/jobs", headers: [.contentLength: "99999999999999"], body: [0x1F]).status == 413)
        let form: HTTPFields = [.contentType: "multipart/form-data; boundary=x"], packed: HTTPFields = [.contentEncoding: "gzip"]
        for headers in [form, packed] {
            let answer = try await asked.ask(.post, "/v1/jobs", headers: headers, body: Self.volume())
            #expect(answer.status == 415 && (answer.json["remedy"] as? String)?.contains("send the file") == true)
        }
        let files = try JobFiles(asked.folder)
        #expect(names(files.jobs) == [] && names(files.incoming) == [])
        #expect(try await status([0x1F, 0x8B, 1, 2]) == 202)
        let full = try await asked.ask(.post, "/v1/jobs", body: [0x1F, 0x8B, 1, 2])
        #expect(full.status == 503 && full.headers[.retryAfter] == "30")
    }

    @Test func brokenUploadsLeaveNothing() async throws {
        struct Gone: Error {}
        let asked = try asked()
        defer { asked.remove() }
        let (body, source) = RequestBody.makeStream()
        async let answer = asked.ask(.post, "/v1/jobs", body: body)
        await source.yield(ByteBuffer(bytes: [0x1F, 0x8B, 0, 0]))
        source.finish(Gone())
        #expect(try await answer.status == 400)
        let files = try JobFiles(asked.folder)
        #expect(names(files.jobs) == [] && names(files.incoming) == [])
    }

    @Test func bodiesMayNotTakeForEver() async throws {
        let asked = try asked { $0.bodySeconds = 0 }
        defer { asked.remove() }
        let answer = try await asked.ask(.post, "/v1/jobs", body: Self.volume())
        #expect(answer.status == 408)
        #expect(names(try JobFiles(asked.folder).incoming) == [])
    }

    @Test func remainsOfInterruptedStartsAreRemoved() throws {
        let files = try JobFiles(FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)"))
        defer { try? FileManager.default.removeItem(at: files.root) }
        let id = Job.makeID()
        for name in ["making-7", "unpacked", "result"] {
            try FileManager.default.createDirectory(at: files.folder(id).appending(path: name), withIntermediateDirectories: true)
        }
        for name in ["input.zip", "input.npz", VolumeWork.name] { try Data([1]).write(to: files.folder(id).appending(path: name)) }
        files.clean(id)
        #expect(names(files.folder(id)) == ["input.npz", "input.zip", "result", VolumeWork.name])
        files.keepResult(id)
        #expect(names(files.folder(id)) == ["result"])
    }

    @Test func followersAreBounded() async throws {
        let asked = try asked { $0.listeners = 1 }
        defer { asked.remove() }
        let id = try #require(try await asked.ask(.post, "/v1/jobs", body: Self.volume()).json["id"] as? String)
        let first = try await asked.server.jobs.changes(of: id)
        #expect(try await asked.ask(.get, "/v1/jobs/\(id)/events").status == 503)
        withExtendedLifetime(first) {}
    }

    @Test func clientsHaveTheirShare() async throws {
        let asked = try asked { $0.jobsPerClient = 2 }
        defer { asked.remove() }
        for status in [202, 202, 429] { #expect(try await asked.ask(.post, "/v1/jobs", body: [0x1F, 0x8B]).status == status) }
    }

    @Test func weightsForPicturesTakeNoVolumes() async throws {
        let asked = try AskedServer()
        defer { asked.remove() }
        #expect(try await asked.ask(.post, "/v1/jobs", body: Self.volume()).status == 422)
    }

    @Test func restartFinishesWhatIsMissingOnce() async throws {
        let asked = try asked()
        defer { asked.remove() }
        let files = try JobFiles(asked.folder), store = try JobStore(files.database)
        func job(_ attempts: Int) -> Job {
            var job = Job(
                id: Job.makeID(), owner: "", client: "a", kind: .nifti, bytes: 1, model: "m", weights: "w", threshold: nil,
                created: Date().timeIntervalSince1970)
            (job.state, job.attempts, job.started) = (.running, attempts, job.created)
            return job
        }
        let done = job(1), interrupted = job(2), hopeless = job(5)
        for job in [done, interrupted, hopeless] {
            try await store.add(job)
            try FileManager.default.createDirectory(at: files.folder(job.id), withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(at: files.result(done.id), withIntermediateDirectories: true)
        for stray in [files.incoming.appending(path: "half"), files.jobs.appending(path: "unknown")] {
            try FileManager.default.createDirectory(at: stray, withIntermediateDirectories: true)
        }
        try await asked.server.jobs.recover()
        #expect(try await store.job(done.id)?.state == .done)
        #expect(try await store.job(interrupted.id)?.state == .queued)
        #expect(try await store.job(hopeless.id)?.state == .failed)
        #expect(names(files.incoming) == [])
        #expect(names(files.jobs) == [done.id, interrupted.id].sorted())
    }

    @Test func oldResultsExpire() async throws {
        let asked = try asked { $0.retention = 100 }
        defer { asked.remove() }
        let files = try JobFiles(asked.folder), store = try JobStore(files.database)
        for age in [50.0, 200] {
            var job = Job(
                id: Job.makeID(), owner: "", client: "a", kind: .nifti, bytes: 1, model: "m", weights: "w", threshold: nil, created: 0)
            (job.state, job.finished) = (.done, Date().timeIntervalSince1970 - age)
            try await store.add(job)
            try FileManager.default.createDirectory(at: files.result(job.id), withIntermediateDirectories: true)
        }
        try await asked.server.jobs.recover()
        #expect(try await store.all().count == 1)
        #expect(names(files.jobs).count == 1)
    }

    @Test(
        arguments: [
            ([0x1F, 0x8B], VolumeKind.packedNIfTI), (Array("NRRD0004\n".utf8), .nrrd), (Array("ObjectType = Image\n".utf8), .metaImage),
            ([0x50, 0x4B, 3, 4], .zip), ([0x89, 0x48, 0x44, 0x46], .hdf5), ([UInt8](repeating: 0, count: 128) + Array("DICM".utf8), .dicom),
            ([UInt8](repeating: 0, count: 344) + Array("n+1\0".utf8), .nifti), (Array("BM".utf8), nil), ([], nil),
        ] as [([UInt8], VolumeKind?)])
    func firstBytesTellTheKind(head: [UInt8], kind: VolumeKind?) { #expect(VolumeKind(head) == kind) }

    @Test func namesOfJobsCannotLeaveTheirFolder() async throws {
        let asked = try asked()
        defer { asked.remove() }
        for id in ["..", "%2e%2e", "..%2f..%2fetc", "A" + String(repeating: "0", count: 31), String(repeating: "0", count: 33)] {
            #expect(try await asked.ask(.get, "/v1/jobs/\(id)").status == 404)
            #expect(try await asked.ask(.delete, "/v1/jobs/\(id)").status == 404)
        }
        #expect(Job.isID(Job.makeID()) && Job.makeID() != Job.makeID())
    }
}
