import Foundation
import GRDB
import Testing

@testable import Server

@Suite struct StoreTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)")

    private func old() throws -> JobFiles {
        let files = try JobFiles(folder)
        let dump = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/store-1.sql")
        let database = try DatabaseQueue(path: files.database.path)
        try database.inDatabase { try $0.execute(sql: String(contentsOf: dump, encoding: .utf8)) }
        try database.close()
        return files
    }

    @Test func olderStoreIsBroughtUpToDate() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try old()
        let running = "a86501034848eb0e255617f7a2c43af5", queued = "086c405159cfa4607a6dbe0f6c6ee969"
        let done = "77892988cd34d31e7adc25a2fa62e98e", failed = "5d0f0f4f2b1be7a5d3c1a9e8b7c6d5e4"
        for id in [running, queued, done] {
            try FileManager.default.createDirectory(at: files.folder(id), withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(at: files.result(done), withIntermediateDirectories: true)
        try Data(count: 5000).write(to: files.result(done).appending(path: "labels.nii.gz"))
        let asked = try AskedServer(models: [AskedServer.volumes()], folder: folder)
        try await asked.server.jobs.recover()
        let store = await asked.server.jobs.store
        let states = try await store.all().reduce(into: [:]) { $0[$1.id] = $1.state }
        #expect(states == [running: .queued, queued: .queued, done: .done, failed: .failed])
        #expect(try await store.job(queued)?.threshold == 0.4)
        #expect(try await store.job(queued)?.held == 102)
        #expect(try await store.job(done)?.held == 5000)
        #expect(try await store.job(failed)?.problem == "holds no volume")
        let usage = try await store.usage(of: "127.0.0.1")
        #expect(usage.waiting == 2 && usage.ownWaiting == 2 && usage.ownBytes == 152_473 + 102 + 5000 + 2048)
        #expect(try await store.usage(of: "other").ownBytes == 0)
        #expect(try await store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM audit") } == 2)
        // Opening it again changes nothing.
        #expect(try await JobStore(files.database).all().count == 4)
    }

    @Test func newerStoreIsRefusedUntouched() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try JobFiles(folder)
        try JobStore(files.database).database.close()
        let database = try DatabaseQueue(path: files.database.path)
        try database.inDatabase { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9: of the future')") }
        try database.close()
        let error = try #require(throws: StoreError.self) { try JobStore(files.database) }
        #expect(error.problem.contains("newer version"))
    }

    @Test func damagedStoreSaysSo() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = try JobFiles(folder)
        try Data("this is no database, but a text of some length".utf8).write(to: files.database)
        let error = try #require(throws: StoreError.self) { try JobStore(files.database) }
        #expect(error.problem.contains("not a database"))
        #expect(error.remedy.contains("backup"))
    }

    @Test func workOfAnEarlierVersionIsRead() throws {
        let work = #"""
            {"archiveBytes":8589934592,"archiveFiles":20000,"digest":"b9a43d","kind":"nii.gz","memory":12884901888,"seconds":3600,"weights":"/w"}
            """#
        let read = try JSONDecoder().decode(VolumeWork.self, from: Data(work.utf8))
        #expect(read.voxels == nil && read.threshold == nil && read.kind == .packedNIfTI)
    }
}
