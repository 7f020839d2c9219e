import Files
import Foundation

/// The places of jobs' files. All names are ours; no part of an upload becomes part of a path.
///
///     incoming/ID/    a file that is still arriving; useless after a restart
///     jobs/ID/        input.KIND and work.json, until the job is done
///     jobs/ID/result/ the result, moved here as a whole
struct JobFiles: Sendable {
    let root: URL

    /// - Throws: ``/Files/FileError`` if a folder cannot be made.
    init(_ root: URL) throws(FileError) {
        self.root = root
        for folder in [root, incoming, jobs] {
            try Folder.make(folder)
            // Patients' pictures: only this user may read them.
            _ = chmod(folder.path, 0o700)
        }
    }

    /// True if uploads can be stored: a folder can be made, and moved among the jobs.
    var canStore: Bool {
        let (made, kept) = (incoming.appending(path: "check"), jobs.appending(path: "check"))
        defer { for folder in [made, kept] { rmdir(folder.path) } }
        return (mkdir(made.path, 0o700) == 0 || errno == EEXIST) && rename(made.path, kept.path) == 0
    }

    var incoming: URL { root.appending(path: "incoming") }
    var jobs: URL { root.appending(path: "jobs") }
    var database: URL { root.appending(path: "server.sqlite") }

    func folder(_ id: String) -> URL { jobs.appending(path: id) }
    func result(_ id: String) -> URL { folder(id).appending(path: "result") }
    func hasResult(_ id: String) -> Bool { FileManager.default.fileExists(atPath: result(id).path) }

    /// Removes a job's files. Remove it from the store first: a restart then finishes a removal
    /// that was interrupted.
    func remove(_ id: String) {
        for folder in [folder(id), incoming.appending(path: id)] { try? FileManager.default.removeItem(at: folder) }
    }

    /// Removes the files of all other jobs.
    func sweep(keeping ids: Set<String>) {
        empty(incoming) { _ in false }
        empty(jobs) { ids.contains($0) }
    }

    /// Removes what an earlier start of a job left half done; its input and its result stay.
    func clean(_ id: String) {
        empty(folder(id)) { $0 == "result" || $0 == VolumeWork.name || $0.hasPrefix("input.") }
    }

    /// Removes everything of a job except its result: the input is a patient's, and no longer
    /// needed.
    func keepResult(_ id: String) { empty(folder(id)) { $0 == "result" } }

    /// Removes what is in a folder, except the names that `keeps` accepts.
    private func empty(_ folder: URL, _ keeps: (_ name: String) -> Bool) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] where !keeps(name) {
            try? FileManager.default.removeItem(at: folder.appending(path: name))
        }
    }

    /// Bytes in a job's folder.
    func size(_ id: String) -> Int {
        let keys: Set<URLResourceKey> = [.fileSizeKey, .isRegularFileKey]
        let files = FileManager.default.enumerator(at: folder(id), includingPropertiesForKeys: Array(keys))
        var sum = 0
        while let file = files?.nextObject() as? URL {
            guard let values = try? file.resourceValues(forKeys: keys), values.isRegularFile == true else { continue }
            sum += values.fileSize ?? 0
        }
        return sum
    }

    /// Free bytes on the files' disk; nil if the system does not say.
    var room: Int? { Self.room(in: root) }

    static func room(in folder: URL) -> Int? {
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else { return nil }
        return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    /// Bytes that uploads leave free on the disk, for the store and for results.
    private static let reserve = 64 << 20

    /// True if the disk has room for so many bytes of uploads.
    func hasRoom(for bytes: Int) -> Bool { room.map { $0 >= bytes + Self.reserve } ?? true }

    /// Makes sure that names in a folder survive a power failure.
    static func flush(_ folder: URL) {
        let descriptor = open(folder.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }
}
