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

/// True if a path exists.
package func systemHas(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// The path of the running program; nil if the system does not tell it.
package func executablePath() -> String? {
    #if canImport(Darwin)
        var length = UInt32(0)
        _NSGetExecutablePath(nil, &length)
        var path = [CChar](repeating: 0, count: Int(length) + 1)
        guard _NSGetExecutablePath(&path, &length) == 0 else { return nil }
        return String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #else
        let path = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, filled in
            buffer.withMemoryRebound(to: CChar.self) { filled = max(0, readlink("/proc/self/exe", $0.baseAddress!, $0.count)) }
        }
        return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
    #endif
}
