import Foundation

enum AtomicFile {
    /// Writes a file whole or not at all: a temporary file beside it, synchronised, then renamed over it.
    ///
    /// `isDurable` false leaves out the synchronising, for files that can be made again.
    static func write(_ bytes: [UInt8], to url: URL, isDurable: Bool = true) throws(PictureError) {
        let path = url.path
        let temporary = url.deletingLastPathComponent().appendingPathComponent(".\(UUID().uuidString).tmp").path
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: systemMessage()) }
        var failure: String?
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                if count < 0, errno == EINTR { continue }
                if count <= 0 {
                    failure = systemMessage()
                    return
                }
                written += count
            }
        }
        if failure == nil, isDurable, fsync(descriptor) != 0 { failure = systemMessage() }
        if close(descriptor) != 0, failure == nil { failure = systemMessage() }
        if failure == nil, rename(temporary, path) != 0 { failure = systemMessage() }
        if let failure {
            unlink(temporary)
            throw .unwritable(path: path, reason: failure)
        }
    }
}
