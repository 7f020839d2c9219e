import Foundation

/// The GPU of a process that shares its machine with others of the run. NCCL refuses two processes on
/// one.
enum GPUShare {
    /// Shows this process one GPU of its own, if the machine has enough of them. Called before the GPU is.
    static func take(process: Int, of count: Int) {
        let key = "CUDA_VISIBLE_DEVICES"
        let present = try? FileManager.default.contentsOfDirectory(atPath: "/proc/driver/nvidia/gpus").count
        let own = visible(ProcessInfo.processInfo.environment[key], present: present ?? 0, process: process, of: count)
        if let own { setenv(key, own, 1) }
    }

    /// The setting that names a process's own GPU. Nil leaves it as it is: the process is alone, there
    /// are too few GPUs, or the launcher has given one to each.
    static func visible(_ setting: String?, present: Int, process: Int, of count: Int) -> String? {
        guard count > 1 else { return nil }
        let all = setting.map { $0.split(separator: ",").map(String.init) } ?? (0..<present).map(String.init)
        return all.count >= count ? all[process] : nil
    }
}
