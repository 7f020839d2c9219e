import Files
import Foundation
import GRDB

/// A store that cannot be opened.
struct StoreError: UserError {
    let subject: String
    let problem: String
    let remedy: String

    init(_ url: URL, _ problem: String, remedy: String) { (subject, self.problem, self.remedy) = (url.path, problem, remedy) }

    init(_ url: URL, _ error: DatabaseError) {
        let remedy =
            switch error.resultCode {
            case .SQLITE_FULL: "make room on its disk"
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: "put a backup in its place, or move it away to begin with an empty store"
            default: "check its permissions, its folder's, and the disk's free space"
            }
        self.init(url, "the store cannot be opened: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")", remedy: remedy)
    }
}

/// The jobs and the audit log, in SQLite. Written data survives a crash of the process.
struct JobStore: Sendable {
    let database: DatabasePool

    /// Opens or makes the store, and brings an older one up to date.
    ///
    /// - Throws: ``StoreError`` if it is damaged, cannot be written, or is of a newer version.
    init(_ url: URL) throws {
        do { try self.init(opening: url) } catch let error as DatabaseError { throw StoreError(url, error) }
    }

    private init(opening url: URL) throws {
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            // An acknowledged job outlives a power failure; deleted rows are overwritten.
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
        }
        configuration.busyMode = .timeout(10)
        database = try DatabasePool(path: url.path, configuration: configuration)
        for ending in ["", "-wal", "-shm"] { _ = chmod(url.path + ending, 0o600) }
        let migrator = Self.migrator
        // The writer checks: a reader would remember the schema from before the migration.
        guard try !database.writeWithoutTransaction({ try migrator.hasBeenSuperseded($0) }) else {
            throw StoreError(
                url, "the store was written by a newer version",
                remedy: "start that version, or choose another folder with --data")
        }
        try migrator.migrate(database)
    }

    /// Each migration runs once on a store, in this order. Add migrations; never change one.
    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: jobs and audit log") { db in
            try db.create(table: "job") { table in
                table.primaryKey("id", .text)
                for name in ["owner", "client", "kind", "model", "weights", "state"] { table.column(name, .text).notNull() }
                for name in ["bytes", "slicesDone", "attempts"] { table.column(name, .integer).notNull() }
                table.column("threshold", .double)
                table.column("slices", .integer)
                table.column("created", .double).notNull()
                table.column("started", .double)
                table.column("finished", .double)
                table.column("problem", .text)
                table.column("remedy", .text)
            }
            try db.create(index: "job_state", on: "job", columns: ["state", "created"])
            try db.create(table: "audit") { table in
                table.column("time", .text).notNull().indexed()
                for name in ["client", "action", "subject", "weights"] { table.column(name, .text).notNull() }
                table.column("seconds", .double)
            }
        }
        migrator.registerMigration("2: bytes held") { db in
            // The server's next start measures the files of finished jobs.
            try db.alter(table: "job") { $0.add(column: "held", .integer).notNull().defaults(to: 0) }
            try db.execute(sql: "UPDATE job SET held = bytes")
        }
        return migrator
    }

    /// Adds a job and its line in the audit log, both or neither.
    func add(_ job: Job, noting line: AuditLog.Line? = nil) async throws {
        try await database.write { db in
            try job.insert(db)
            try line?.insert(db)
        }
    }

    func job(_ id: String) async throws -> Job? { try await database.read { try Job.fetchOne($0, key: id) } }

    /// An owner's jobs, the newest first.
    func jobs(owner: String) async throws -> [Job] {
        try await database.read { db in
            try Job.filter(Column("owner") == owner).order(Column("created").desc).limit(1000).fetchAll(db)
        }
    }

    func all() async throws -> [Job] { try await database.read { try Job.order(Column("created")).fetchAll($0) } }

    /// The jobs that wait, and one client's share of them and of the disk.
    struct Usage: Codable, FetchableRecord, Sendable {
        /// Jobs that wait or run: everyone's, and the client's.
        let waiting: Int, ownWaiting: Int
        /// Bytes of the client's jobs on the disk.
        let ownBytes: Int
    }

    func usage(of client: String) async throws -> Usage {
        try await database.read { db in
            let states = [Job.State.queued, .running].map { "'\($0.rawValue)'" }.joined(separator: ", ")
            return try Usage.fetchOne(
                db,
                sql: """
                    SELECT count(*) FILTER (WHERE state IN (\(states))) AS waiting,
                        count(*) FILTER (WHERE state IN (\(states)) AND client = :client) AS ownWaiting,
                        coalesce(sum(held) FILTER (WHERE client = :client), 0) AS ownBytes FROM job
                    """, arguments: ["client": client]) ?? Usage(waiting: 0, ownWaiting: 0, ownBytes: 0)
        }
    }

    /// Jobs of each state.
    func counts() async throws -> [Job.State: Int] {
        try await database.read { db in
            var counts = [Job.State: Int](uniqueKeysWithValues: Job.State.allCases.map { ($0, 0) })
            for state in Job.State.allCases { counts[state] = try Job.filter(Column("state") == state.rawValue).fetchCount(db) }
            return counts
        }
    }

    /// The job that has waited longest, now running.
    func takeNext() async throws -> Job? {
        try await database.write { db in
            guard var job = try Job.filter(Column("state") == Job.State.queued.rawValue).order(Column("created")).fetchOne(db)
            else { return nil }
            job.state = .running
            job.attempts += 1
            job.started = Date().timeIntervalSince1970
            try job.update(db)
            return job
        }
    }

    /// Changes a job, and adds a line to the audit log with it. Returns the job, or nil if it was
    /// deleted.
    @discardableResult func change(
        _ id: String, noting line: AuditLog.Line? = nil, _ change: @escaping @Sendable (inout Job) -> Void
    ) async throws -> Job? {
        try await database.write { db in
            guard var job = try Job.fetchOne(db, key: id) else { return nil }
            change(&job)
            try job.update(db)
            try line?.insert(db)
            return job
        }
    }

    @discardableResult func delete(_ id: String) async throws -> Bool {
        let isDeleted = try await database.write { try Job.deleteOne($0, key: id) }
        // Deleted rows leave the write-ahead log too.
        _ = try? await database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        return isDeleted
    }

    /// True if a write goes through.
    func canWrite() async -> Bool {
        (try? await database.write { try $0.execute(sql: "DELETE FROM audit WHERE time = ''") }) != nil
    }
}

/// The record of access: tokens' marks instead of names, jobs' and requests' numbers instead of
/// files.
struct AuditLog: Sendable {
    let store: JobStore

    struct Line: Codable, PersistableRecord, FetchableRecord, Sendable {
        static let databaseTableName = "audit"
        /// ISO 8601, UTC.
        var time = Date().formatted(.iso8601)
        let client: String
        /// predict, create, finish, fail, read, delete, expire.
        let action: String
        /// A request's or a job's number.
        let subject: String
        /// SHA-256 of the weights.
        let weights: String
        var seconds: Double?
    }

    /// Adds a line. A failure does not stop the response; `/healthz` reports the store's state.
    func add(_ line: Line) async { try? await store.database.write { try line.insert($0) } }

    /// Removes lines older than `seconds`.
    func expire(_ seconds: Int) async {
        let limit = Date(timeIntervalSinceNow: -Double(seconds)).formatted(.iso8601)
        _ = try? await store.database.write { try $0.execute(sql: "DELETE FROM audit WHERE time < ?", arguments: [limit]) }
    }
}
