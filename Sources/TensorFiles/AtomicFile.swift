import Foundation

/// Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed over it.
package enum AtomicFile {
    /// `body` gets a writer for the new contents. If anything fails, the old file stays as it was and the temporary one is removed.
    package static func write(to url: URL, _ body: (inout Writer) throws -> Void) throws {
        let target = url.resolvingSymlinksInPath()
        let temporary = target.deletingLastPathComponent().appendingPathComponent(
            ".\(target.lastPathComponent).\(UInt32.random(in: 0 ... .max)).tmp")
        let descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw refused("cannot be created") }
        do {
            var writer = Writer(descriptor: descriptor)
            do {
                try body(&writer)
                try writer.flush()
                guard fsync(descriptor) == 0 else { throw refused("cannot be flushed to the disk") }
            } catch {
                close(descriptor)
                throw error
            }
            guard close(descriptor) == 0 else { throw refused("cannot be closed") }
            guard rename(temporary.path, target.path) == 0 else { throw refused("cannot be put in its place") }
        } catch {
            unlink(temporary.path)
            throw error
        }
        // The new name itself must outlive a power cut; where folders cannot be flushed, the rename is still atomic.
        let folder = open(target.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        if folder >= 0 {
            _ = fsync(folder)
            close(folder)
        }
    }

    private static func refused(_ what: String) -> Fault { Fault(.unwritable, "\(what): \(String(cString: strerror(errno)))") }

    /// Gathers small pieces, and knows how many bytes went before.
    package struct Writer {
        fileprivate let descriptor: Int32
        private var pending: [UInt8] = []
        /// Bytes written so far.
        private(set) var offset = 0

        fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

        package mutating func write(_ bytes: [UInt8]) throws {
            offset += bytes.count
            if pending.count + bytes.count <= 1 << 16 {
                pending += bytes
            } else {
                try flush()
                try put(bytes)
            }
        }

        fileprivate mutating func flush() throws {
            try put(pending)
            pending.removeAll(keepingCapacity: true)
        }

        private func put(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes { buffer in
                var done = 0
                while done < buffer.count {
                    // Linux writes at most 2 GiB at once.
                    let count = Foundation.write(descriptor, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30))
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { throw refused("cannot be written") }
                    done += count
                }
            }
        }
    }
}
