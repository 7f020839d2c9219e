#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes a file whole or not at all: writes a temporary file beside it, flushes it to the disk,
/// and renames it.
///
/// A killed process leaves its temporary file. The next process that writes into the folder removes
/// it; see ``TemporaryFile``.
package enum AtomicFile {
    /// Writes `bytes`. `isDurable` false skips flushing, for files that can be made again.
    package static func write(_ bytes: [UInt8], to url: URL, isDurable: Bool = true) throws(FileError) {
        do {
            try write(to: url, isDurable: isDurable) { try $0.write(bytes) }
        } catch {
            // The writer throws nothing else.
            throw error as? FileError ?? FileError(.unwritable, file: url.relativePath, reason: "\(error)")
        }
    }

    /// Gives `body` a writer for the new contents. If anything fails, the old file stays unchanged
    /// and the temporary file is removed.
    package static func write(to url: URL, isDurable: Bool = true, _ body: (inout Writer) throws -> Void) throws {
        let file = url.relativePath
        let target = url.resolvingSymlinksInPath()
        let folder = target.deletingLastPathComponent().path
        func refused(_ what: String) -> FileError {
            FileError(.unwritable, file: file, reason: "\(what): \(systemMessage())")
        }

        var status = stat()
        if lstat(target.path, &status) == 0, [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT) {
            throw FileError(.unwritable, file: file, reason: "is a device or a pipe, which would be replaced", remedy: "name a file")
        }
        TemporaryFile.removeAbandoned(in: folder)
        guard let temporary = TemporaryFile(in: folder) else { throw refused("cannot be created") }
        do {
            var writer = Writer(descriptor: temporary.descriptor, file: file)
            try body(&writer)
            try writer.flush()
            guard !isDurable || fsync(temporary.descriptor) == 0 else { throw refused("cannot be flushed to the disk") }
            guard rename(temporary.path, target.path) == 0 else { throw refused("cannot be put in its place") }
        } catch {
            unlink(temporary.path)
            close(temporary.descriptor)
            throw error
        }
        guard close(temporary.descriptor) == 0 else { throw refused("cannot be closed") }
        // The new name itself must survive a power failure. Where folders cannot be flushed, the
        // rename is still atomic.
        guard isDurable else { return }
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 {
            _ = fsync(descriptor)
            close(descriptor)
        }
    }

    /// Collects small pieces, and counts the bytes written.
    package struct Writer {
        private let descriptor: Int32
        private let file: String
        private var pending: [UInt8] = []
        /// Bytes written so far.
        package private(set) var offset = 0

        fileprivate init(descriptor: Int32, file: String) {
            self.descriptor = descriptor
            self.file = file
        }

        /// Appends bytes.
        package mutating func write(_ bytes: [UInt8]) throws(FileError) {
            offset += bytes.count
            if pending.count + bytes.count <= 1 << 16 {
                pending += bytes
            } else {
                try flush()
                try put(bytes)
            }
        }

        fileprivate mutating func flush() throws(FileError) {
            try put(pending)
            pending.removeAll(keepingCapacity: true)
        }

        private func put(_ bytes: [UInt8]) throws(FileError) {
            var failure: Int32?
            bytes.withUnsafeBytes { buffer in
                var done = 0
                while done < buffer.count {
                    // Linux writes at most 2 GiB per call.
                    let count = systemWrite(descriptor, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30))
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else {
                        failure = errno
                        return
                    }
                    done += count
                }
            }
            guard let failure else { return }
            throw FileError(.unwritable, file: file, reason: "cannot be written: \(systemMessage(failure))")
        }
    }
}

/// The system's `write`; the writer's own method hides its name.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, bytes, count) }
