import Foundation

/// An open regular file, read in pieces; or bytes in memory.
final class FileBytes {
    let path: String
    let count: Int
    private let descriptor: Int32
    private let memory: [UInt8]?

    /// Bytes in memory; `name` stands for the path in errors.
    init(_ bytes: [UInt8], name: String) {
        path = name
        count = bytes.count
        descriptor = -1
        memory = bytes
    }

    /// Opens a regular file; folders, pipes and devices are refused, since reading one could wait for ever.
    init(_ url: URL) throws(PictureError) {
        path = url.path
        memory = nil
        // Not blocking, so that a named pipe is refused rather than waited for.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: systemMessage()) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let reason = systemMessage()
            close(descriptor)
            throw .unreadable(path: path, reason: reason)
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG else {
            close(descriptor)
            throw .unreadable(path: path, reason: kind == S_IFDIR ? "it is a folder" : "it is not a regular file")
        }
        count = Int(status.st_size)
    }

    deinit {
        if memory == nil { close(descriptor) }
    }

    /// Up to `count` bytes from an offset; fewer at the end of the file.
    func bytes(at offset: Int, count wanted: Int) throws(PictureError) -> [UInt8] {
        if let memory { return Array(memory[min(offset, count)..<min(offset + wanted, count)]) }
        var failure: String?
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            while filled < wanted {
                let got = pread(descriptor, buffer.baseAddress! + filled, wanted - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = systemMessage() }
                if got <= 0 { break }
                filled += got
            }
        }
        if let failure { throw .unreadable(path: path, reason: failure) }
        return bytes
    }

    /// The whole content, of at most 2 GiB.
    func all() throws(PictureError) -> [UInt8] {
        if let memory { return memory }
        guard count <= 1 << 31 else { throw .unsupported(path: path, reason: "a file of more than 2 GiB is not read") }
        return try bytes(at: 0, count: count)
    }
}

/// The system's words for the last failed call.
func systemMessage() -> String { String(cString: strerror(errno)) }
