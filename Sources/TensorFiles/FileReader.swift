import Foundation

/// An open regular file, read at offsets; every read is checked against the file's real size first.
final class FileReader {
    let size: Int
    private let descriptor: Int32

    init(_ url: URL) throws {
        // Not blocking, so that a named pipe is refused rather than waited for.
        descriptor = open(url.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw Fault(.missing, "there is no such file") }
            throw Fault(.unreadable, "cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            close(descriptor)
            throw Fault(.unreadable, isFolder ? "is a folder" : "is not a regular file", remedy: "give a file")
        }
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// `count` bytes from `offset` on; `what` names them in the error when the file is too short.
    func read(at offset: Int, count: Int, _ what: @autoclosure () -> String) throws -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            let have = max(0, min(count, size - max(0, offset)))
            throw Fault(.truncated, "truncated: \(what()) has \(have) of \(count) bytes")
        }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let got = pread(descriptor, buffer.baseAddress! + initialized, count - initialized, off_t(offset + initialized))
                if got < 0, errno == EINTR { continue }
                guard got >= 0 else { throw Fault(.unreadable, "cannot be read: \(String(cString: strerror(errno)))") }
                guard got > 0 else { throw Fault(.truncated, "truncated: the file shrank while it was read") }
                initialized += got
            }
        }
    }

    /// The first bytes, at most `count`.
    func head(_ count: Int) throws -> [UInt8] { try read(at: 0, count: min(count, size), "the beginning") }
}

extension [UInt8] {
    /// The little-endian number at `offset`; the caller has checked that it is there.
    func littleEndian<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for i in (0..<MemoryLayout<Value>.size).reversed() { value = value << 8 | Value(truncatingIfNeeded: self[offset + i]) }
        return value
    }
}
