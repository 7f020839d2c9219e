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

/// An open regular file, or bytes in memory, read at offsets. Every read is checked against the real size first.
///
/// Files are never mapped into memory: one that another process cuts short would end the program with SIGBUS.
package final class FileReader: Sendable {
    /// The path as it was given, or the name that stands for bytes in memory.
    package let name: String
    /// Bytes.
    package let size: Int
    private let descriptor: Int32
    private let memory: [UInt8]

    /// Bytes in memory; `name` stands for the path in errors.
    package init(_ bytes: [UInt8], name: String) {
        self.name = name
        size = bytes.count
        descriptor = -1
        memory = bytes
    }

    /// Opens a regular file; folders, pipes and devices are refused, since reading one could wait for ever.
    package init(_ url: URL) throws(FileError) {
        name = url.relativePath
        memory = []
        // Not blocking, so that a named pipe is refused rather than waited for.
        descriptor = open(url.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw FileError(.missing, file: name, reason: "there is no such file") }
            throw FileError(.unreadable, file: name, reason: "cannot be opened: \(systemMessage())")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            close(descriptor)
            throw FileError(
                .unreadable, file: name, reason: isFolder ? "is a folder" : "is not a regular file", remedy: "give a file")
        }
        size = Int(status.st_size)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// `count` bytes from `offset` on; `what` names them in the error where the file is too short.
    package func read(at offset: Int, count: Int, _ what: @autoclosure () -> String) throws(FileError) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            let have = max(0, min(count, size - max(0, offset)))
            throw FileError(.truncated, file: name, reason: "truncated: \(what()) has \(have) of \(count) bytes")
        }
        if descriptor < 0 { return count == size ? memory : Array(memory[offset..<(offset + count)]) }
        try naming(name) { try Memory.ask(for: count) }
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = FileError(.unreadable, file: name, reason: "cannot be read: \(systemMessage())") }
                if got == 0 {
                    failure = FileError(.truncated, file: name, reason: "truncated: the file shrank while it was read")
                }
                guard got > 0 else { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The first bytes, at most `count`.
    package func head(_ count: Int) throws(FileError) -> [UInt8] { try bytes(at: 0, count: count) }

    /// Up to `count` bytes from an offset; fewer at the end of the file.
    package func bytes(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let start = min(max(0, offset), size)
        return try read(at: start, count: min(max(0, count), size - start), "the file")
    }

    /// The whole content.
    package func all() throws(FileError) -> [UInt8] { try read(at: 0, count: size, "the file") }
}

extension [UInt8] {
    /// The little-endian number at `offset`; the caller has checked that it is there.
    package func littleEndian<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for i in (0..<MemoryLayout<Value>.size).reversed() { value = value << 8 | Value(truncatingIfNeeded: self[offset + i]) }
        return value
    }

    /// The big-endian number at `offset`; the caller has checked that it is there.
    package func bigEndian<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type = Value.self) -> Value {
        littleEndian(at: offset, as: Value.self).byteSwapped
    }

    /// Appends a number, little-endian.
    package mutating func put(_ value: some FixedWidthInteger) { Swift.withUnsafeBytes(of: value.littleEndian) { self += $0 } }
}
