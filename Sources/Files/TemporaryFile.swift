import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A hidden file that becomes another by renaming, named `.vmunet-PID-RANDOM.tmp` whatever it becomes.
///
/// Its writer holds a lock on it, which the system lets go of when the process ends, however it ends. So a file whose
/// lock can be had is one that a killed process left. Numbers of processes alone would not tell: they are used again,
/// and differ between containers and machines that share a folder.
package struct TemporaryFile {
    package let path: String
    /// Open for writing.
    package let descriptor: Int32

    private static let prefix = ".vmunet-"
    private static let suffix = ".tmp"
    /// Folders that were looked through already: once a process is enough.
    private static let swept = Mutex<Set<String>>([])

    /// Makes an empty file; nil, with `errno`, where the system refuses.
    package init?(in folder: String) {
        while true {
            let path = "\(folder)/\(Self.prefix)\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))\(Self.suffix)"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else { return nil }
            // Between its making and its locking another process may have taken the file for an abandoned one.
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

    /// Removes the files that dead processes left in a folder. Looks once for each folder.
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
