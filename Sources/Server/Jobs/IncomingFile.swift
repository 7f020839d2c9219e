import Files
import Foundation
import NIOCore

/// An upload on its way to the disk.
final class IncomingFile {
    let id: String
    private let files: JobFiles
    private let descriptor: Int32
    private(set) var bytes = 0
    /// The number of bytes at which to look at the disk again: others write to it meanwhile.
    private var nextLook = 0
    private static let bytesBetweenLooks = 4 << 20
    /// The first bytes, which tell the kind.
    private(set) var head: [UInt8] = []
    private var isKept = false

    /// - Throws: ``Problem`` 507 if the disk is full.
    init(_ id: String, in files: JobFiles) throws {
        (self.id, self.files) = (id, files)
        let folder = files.incoming.appending(path: id)
        guard mkdir(folder.path, 0o700) == 0 else { throw Self.problem(errno) }
        descriptor = open(folder.appending(path: "input").path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let number = errno
            rmdir(folder.path)
            throw Self.problem(number)
        }
    }

    deinit {
        close(descriptor)
        if !isKept { files.remove(id) }
    }

    static func problem(_ number: Int32) -> Problem {
        switch number {
        case ENOSPC, EDQUOT, EFBIG:
            Problem(
                .init(code: 507, reasonPhrase: "Insufficient Storage"), "the server's disk is full",
                remedy: "delete jobs that are no longer needed, or send it again later")
        default: Problem(.internalServerError, "the server cannot store the file", remedy: "tell whoever runs the server")
        }
    }

    func write(_ piece: ByteBuffer) throws {
        if head.count < VolumeKind.headLength { head += piece.readableBytesView.prefix(VolumeKind.headLength - head.count) }
        bytes += piece.readableBytes
        if bytes >= nextLook {
            guard files.hasRoom(for: piece.readableBytes) else { throw Self.problem(ENOSPC) }
            nextLook = bytes + Self.bytesBetweenLooks
        }
        let failure: Int32? = piece.withUnsafeReadableBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = systemWrite(descriptor, buffer.baseAddress! + done, buffer.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return errno }
                done += count
            }
            return nil
        }
        if let failure { throw Self.problem(failure) }
    }

    /// Moves the file, whole and flushed, into the folder of jobs.
    func keep(as kind: VolumeKind, _ work: VolumeWork) throws {
        guard fsync(descriptor) == 0 else { throw Self.problem(errno) }
        let folder = files.incoming.appending(path: id)
        guard rename(folder.appending(path: "input").path, folder.appending(path: "input." + kind.rawValue).path) == 0 else {
            throw Self.problem(errno)
        }
        do { try AtomicFile.write(Array(JSONEncoder().encode(work)), to: folder.appending(path: VolumeWork.name)) } catch {
            throw Self.problem(files.hasRoom(for: 0) ? EIO : ENOSPC)
        }
        guard rename(folder.path, files.folder(id).path) == 0 else { throw Self.problem(errno) }
        JobFiles.flush(files.jobs)
        isKept = true
    }
}

/// The system's `write`; the method's name hides it.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, bytes, count) }
