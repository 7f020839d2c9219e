#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Keeps other processes of ours out of a folder; released when the object or the process ends.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// Locks the folder for this process alone, or with `isShared` for all that share it; nil if
    /// another holds a lock that excludes this one. A file system without locks gives no
    /// protection.
    package init?(_ folder: String, isShared: Bool = false) {
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
        close(descriptor)
        return nil
    }

    /// Locks the folder as soon as no other process excludes this one. Calls `wait` once if that
    /// takes a while; nil if `isStopped` becomes true before.
    package static func waiting(
        for folder: String, isShared: Bool, wait: () -> Void, isStopped: () -> Bool
    ) -> FolderLock? {
        if let lock = FolderLock(folder, isShared: isShared) { return lock }
        wait()
        while !isStopped() {
            usleep(100_000)
            if let lock = FolderLock(folder, isShared: isShared) { return lock }
        }
        return nil
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
