#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Checks for memory before it is allocated: Swift's arrays abort the process if it cannot be.
package enum Memory {
    /// Smaller requests are not checked: a check costs some ten microseconds.
    private static let smallest = 1 << 20
    /// Reserved for code that does not check.
    private static let reserve = 48 << 20

    /// Throws a fault of kind `memory` unless `bytes` more can be allocated now. A negative number
    /// means an overflow and always fails.
    ///
    /// - Parameter remedy: replaces the usual remedy about files.
    package static func ask(for bytes: Int, remedy: String? = nil) throws(Fault) {
        guard bytes < 0 || bytes >= smallest else { return }
        let available = max(0, available() - reserve)
        guard bytes >= 0, bytes <= available, canBeMapped(bytes + reserve) else {
            let have = canBeMapped(available) ? "\(size(available)) are free" : "this process may not take as much"
            throw Fault(.memory, "needs \(bytes < 0 ? "too much" : size(bytes)) of memory, and \(have)", remedy: remedy)
        }
    }

    /// The bytes that the machine and the process's control groups can give, as far as the system
    /// tells.
    package static func available() -> Int {
        min(machine() ?? .max, controlGroups() ?? .max)
    }

    /// A number of bytes for people, in units of 1000.
    package static func size(_ bytes: Int) -> String {
        for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] where bytes >= unit {
            let tenths = bytes / (unit / 10)
            return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(name)" : "\(bytes / unit) \(name)"
        }
        return "\(bytes) bytes"
    }

    /// True if the system maps that many bytes, given the process's limits (`ulimit -v`, `-d`) and
    /// the overcommit rules.
    private static func canBeMapped(_ bytes: Int) -> Bool {
        #if canImport(Darwin)
            let flags = MAP_PRIVATE | MAP_ANON
        #else
            let flags = MAP_PRIVATE | MAP_ANONYMOUS
        #endif
        guard bytes > 0 else { return true }
        guard let place = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), place != MAP_FAILED else { return false }
        munmap(place, bytes)
        return true
    }

    /// The memory that the kernel can give without swapping, and the free swap.
    private static func machine() -> Int? {
        #if canImport(Darwin)
            var (size, length) = (UInt64(0), MemoryLayout<UInt64>.size)
            return sysctlbyname("hw.memsize", &size, &length, nil, 0) == 0 ? Int(clamping: size) : nil
        #else
            guard let text = systemText("/proc/meminfo") else { return nil }
            var sum: Int?
            for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") || line.hasPrefix("SwapFree:") {
                guard let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { continue }
                sum = (sum ?? 0) + kilobytes * 1024
            }
            return sum
        #endif
    }

    /// The least that the process's control groups leave; nil without limits.
    private static func controlGroups() -> Int? { groups.compactMap { left(in: $0) }.min() }

    /// A folder of the system about one control group's memory.
    private struct ControlGroup {
        let folder: String
        /// The names of its files, and of a line in its statistics.
        let limit: String, use: String, cache: String

        static func first(_ folder: String) -> ControlGroup {
            ControlGroup(folder: folder, limit: "memory.limit_in_bytes", use: "memory.usage_in_bytes", cache: "total_inactive_file")
        }

        static func second(_ folder: String) -> ControlGroup {
            ControlGroup(folder: folder, limit: "memory.max", use: "memory.current", cache: "inactive_file")
        }
    }

    /// The process's groups that have a limit, found once: most machines have none, and a run asks
    /// for memory often.
    private static let groups: [ControlGroup] = {
        #if canImport(Darwin)
            return []
        #else
            var groups: [ControlGroup] = []
            for line in (systemText("/proc/self/cgroup") ?? "").split(separator: "\n") {
                let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard fields.count == 3 else { continue }
                let isSecond = fields[0] == "0" && fields[1].isEmpty
                guard isSecond || fields[1].split(separator: ",").contains("memory") else { continue }
                let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
                let path = fields[2].split(separator: "/").map(String.init)
                // A container may hide the group's own path, but not its root.
                for length in 0...path.count {
                    let folder = ([root] + path.prefix(length)).joined(separator: "/")
                    groups.append(isSecond ? .second(folder) : .first(folder))
                }
            }
            // The first version writes no limit as the largest multiple of a page.
            return groups.filter { number($0.folder + "/" + $0.limit).map { $0 < 1 << 62 } ?? false }
        #endif
    }()

    /// A control group's limit minus its use. Pages that only cache files count as free.
    private static func left(in group: ControlGroup) -> Int? {
        func path(_ name: String) -> String { group.folder + "/" + name }
        guard let limit = number(path(group.limit)), let use = number(path(group.use)) else { return nil }
        var cache = 0
        for line in (systemText(path("memory.stat")) ?? "").split(separator: "\n") where line.hasPrefix(group.cache + " ") {
            cache = line.split(separator: " ").last.flatMap { Int($0) } ?? 0
        }
        return max(0, limit - max(0, use - cache))
    }

    private static func number(_ path: String) -> Int? {
        systemText(path).flatMap { Int($0.prefix { $0 != "\n" }) }
    }
}
