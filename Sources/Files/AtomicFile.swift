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

/// Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed over it.
///
/// A process that is killed leaves its temporary file. The next process that writes into the folder removes it, see
/// ``TemporaryFile``.
package enum AtomicFile {
    /// Writes `bytes`. `isDurable` false leaves out the flushing, for files that can be made again.
    package static func write(_ bytes: [UInt8], to url: URL, isDurable: Bool = true) throws(FileError) {
        do {
            try write(to: url, isDurable: isDurable) { try $0.write(bytes) }
        } catch {
            // The writer throws nothing else.
            throw error as? FileError ?? FileError(.unwritable, file: url.relativePath, reason: "\(error)")
        }
    }

    /// `body` gets a writer for the new contents. If anything fails, the old file stays as it was and the temporary one goes.
    package static func write(to url: URL, isDurable: Bool = true, _ body: (inout Writer) throws -> Void) throws {
        let file = url.relativePath
        let target = url.resolvingSymlinksInPath()
        let folder = target.deletingLastPathComponent().path
        func refused(_ what: String) -> FileError {
            FileError(.unwritable, file: file, reason: "\(what): \(systemMessage())")
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
        // The new name itself must outlive a power cut; where folders cannot be flushed, the rename is still atomic.
        guard isDurable else { return }
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 {
            _ = fsync(descriptor)
            close(descriptor)
        }
    }

    /// Gathers small pieces, and knows how many bytes went before.
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
                    // Linux writes at most 2 GiB at once.
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

/// The system's `write`, whose name the writer's own method hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, bytes, count) }
