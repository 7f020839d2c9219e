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

/// An open regular file, or bytes in memory, read at offsets. Every read is checked against the
/// real size first.
///
/// Files are never mapped into memory: if another process truncated one, SIGBUS would end the
/// program.
package final class FileReader: Sendable {
    /// The path as given, or the name for bytes in memory.
    package let name: String
    /// The size in bytes.
    package let size: Int
    /// The time of the last change, in seconds and nanoseconds; zero for bytes in memory.
    package let changed: (seconds: Int, nanoseconds: Int)
    /// The file's path, for libraries that open it themselves; nil for bytes in memory.
    package let path: String?
    private let descriptor: Int32
    private let memory: [UInt8]

    /// Bytes in memory; errors use `name` as the path.
    package init(_ bytes: [UInt8], name: String) {
        self.name = name
        size = bytes.count
        changed = (0, 0)
        path = nil
        descriptor = -1
        memory = bytes
    }

    /// Opens a regular file. Folders, pipes and devices are refused, since reading one could wait
    /// forever.
    package init(_ url: URL) throws(FileError) {
        name = url.relativePath
        path = url.path
        memory = []
        // Non-blocking, so that a named pipe is refused rather than waited for.
        descriptor = open(url.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT {
                guard !name.contains("\u{FFFD}") else {
                    throw FileError(.missing, file: name, reason: "its name is not UTF-8", remedy: "rename the file")
                }
                throw FileError(.missing, file: name, reason: "there is no such file")
            }
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
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        changed = (Int(time.tv_sec), Int(time.tv_nsec))
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// `count` bytes from `offset` on. If the file is too short, the error names them `what`.
    package func read(at offset: Int, count: Int, _ what: @autoclosure () -> String) throws(FileError) -> [UInt8] {
        try check(offset, count, what)
        if path == nil { return count == size ? memory : Array(memory[offset..<(offset + count)]) }
        try naming(name) { try Memory.ask(for: count) }
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            failure = take(UnsafeMutableRawBufferPointer(buffer), at: offset)
            filled = failure == nil ? count : 0
        }
        if let failure { throw failure }
        return bytes
    }

    /// Fills a buffer with the bytes from `offset` on. If the file is too short, the error names
    /// them `what`.
    package func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int, _ what: @autoclosure () -> String) throws(FileError) {
        try check(offset, buffer.count, what)
        if let failure = take(buffer, at: offset) { throw failure }
    }

    private func check(_ offset: Int, _ count: Int, _ what: () -> String) throws(FileError) {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            let have = max(0, min(count, size - max(0, offset)))
            throw FileError(.truncated, file: name, reason: "truncated: \(what()) has \(have) of \(count) bytes")
        }
    }

    /// Copies bytes that the file had when it was opened.
    private func take(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> FileError? {
        guard let base = buffer.baseAddress, !buffer.isEmpty else { return nil }
        if path == nil {
            memory.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + buffer.count)])) }
            return nil
        }
        var filled = 0
        while filled < buffer.count {
            let got = pread(descriptor, base + filled, min(buffer.count - filled, 1 << 30), off_t(offset + filled))
            if got < 0, errno == EINTR { continue }
            if got < 0 { return FileError(.unreadable, file: name, reason: "cannot be read: \(systemMessage())") }
            if got == 0 { return FileError(.truncated, file: name, reason: "truncated: the file shrank while it was read") }
            filled += got
        }
        return nil
    }

    /// The first bytes, at most `count`.
    package func head(_ count: Int) throws(FileError) -> [UInt8] { try bytes(at: 0, count: count) }

    /// Up to `count` bytes from an offset; fewer at the file's end.
    package func bytes(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let start = min(max(0, offset), size)
        return try read(at: start, count: min(max(0, count), size - start), "the file")
    }

    /// Runs a body on the bytes in memory; nil for a file on disk.
    package func withMemory<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T? {
        path == nil ? try memory.withUnsafeBytes(body) : nil
    }

    /// The whole content.
    package func all() throws(FileError) -> [UInt8] { try read(at: 0, count: size, "the file") }
}

extension [UInt8] {
    /// The little-endian number at `offset`; the caller has checked the bounds.
    package func littleEndian<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for i in (0..<MemoryLayout<Value>.size).reversed() { value = value << 8 | Value(truncatingIfNeeded: self[offset + i]) }
        return value
    }

    /// The big-endian number at `offset`; the caller has checked the bounds.
    package func bigEndian<Value: FixedWidthInteger>(at offset: Int, as _: Value.Type = Value.self) -> Value {
        littleEndian(at: offset, as: Value.self).byteSwapped
    }

    /// Appends a number, little-endian.
    package mutating func put(_ value: some FixedWidthInteger) { Swift.withUnsafeBytes(of: value.littleEndian) { self += $0 } }
}
