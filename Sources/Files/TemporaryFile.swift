import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A hidden file, named `.vmunet-PID-RANDOM.tmp`, that is later renamed to its target.
///
/// Its writer holds a lock on it, which the system releases however the process ends. So a file
/// whose lock is free was left by a killed process. Process numbers alone would not tell: they are
/// reused, and differ between containers and machines that share a folder.
package struct TemporaryFile {
    package let path: String
    /// Open for writing.
    package let descriptor: Int32

    private static let prefix = ".vmunet-"
    private static let suffix = ".tmp"
    /// Folders that this process has already cleaned; once is enough.
    private static let swept = Mutex<Set<String>>([])

    /// Creates an empty file; nil, with `errno` set, if the system refuses.
    package init?(in folder: String) {
        while true {
            let path = "\(folder)/\(Self.prefix)\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))\(Self.suffix)"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else { return nil }
            // Before it is locked, another process may take the new file for an abandoned one.
            let isOurs = flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
            var status = stat()
            if isOurs, fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                self.path = path
                self.descriptor = descriptor
                return
            }
            close(descriptor)
        }
    }

    /// Removes the files that dead processes left in a folder. Runs once per folder.
    package static func removeAbandoned(in folder: String) {
        guard swept.withLock({ $0.insert(folder).inserted }), let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { continue }
            let path = folder + "/" + name
            let descriptor = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(descriptor)
        }
    }
}
