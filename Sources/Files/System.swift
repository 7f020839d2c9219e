#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's message for an error number, by default that of the last failed call.
package func systemMessage(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }

/// A small system text file, such as those in `/proc`; at most 64 KiB. Nil if it cannot be read.
package func systemText(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, filled in
        while filled < buffer.count {
            let got = read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            filled += got
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Whether a path exists.
package func systemHas(_ path: String) -> Bool { access(path, F_OK) == 0 }
