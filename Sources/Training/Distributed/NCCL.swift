import CMPI
import Files
import Foundation
import TensorFiles
import Torch

/// NVIDIA's library for exchanges between GPUs, opened when GPUs of several processes train
/// together. MPI carries what its processes need to find each other.
final class NCCL: DeviceTransport {
    let size: Int
    private let group: cn_group
    private let device: Device
    private let patience: Double

    private init(size: Int, group: cn_group, device: Device, patience: Double) {
        (self.size, self.group, self.device, self.patience) = (size, group, device, patience)
    }

    deinit { cn_leave(group) }

    /// The library's version, "2.28.7".
    static var version: String {
        let number = cn_version()
        return "\(number / 10000).\(number / 100 % 100).\(number % 100)"
    }

    /// Joins the GPUs of a group's processes; nil on all of them, with a reason, if one cannot.
    static func join(_ processes: any ProcessGroup, on device: Device, patience: Double, path: String? = nil) -> (NCCL?, reason: String) {
        var reason: UnsafePointer<CChar>?
        /// Nil if `step` succeeded on all; otherwise the reason of the first to fail.
        func failure(_ step: () -> Bool) -> String? {
            let own = step() ? "" : reason.map { String(cString: $0) } ?? "VMUNET_NCCL=off"
            return processes.gather(Array(own.utf8)).first { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
        }
        let isOff = ProcessInfo.processInfo.environment["VMUNET_NCCL"] == "off"
        if let failure = failure({ !isOff && Self.open(path, &reason) }) { return (nil, failure) }
        var id = [UInt8](repeating: 0, count: Int(CN_ID_BYTES))
        if let failure = failure({ processes.rank > 0 || cn_make_id(&id, &reason) }) { return (nil, failure) }
        id = processes.gather(id)[0]
        var group: cn_group?
        if let failure = failure({ cn_join(id, Int32(processes.rank), Int32(processes.size), &group, &reason) }) {
            cn_leave(group)
            return (nil, failure)
        }
        return (group.map { NCCL(size: processes.size, group: $0, device: device, patience: patience) }, "")
    }

    /// Opens the given file, or what is beside libtorch, or what the system finds.
    private static func open(_ path: String?, _ reason: inout UnsafePointer<CChar>?) -> Bool {
        if let path { return cn_open(path, &reason) }
        return candidates.contains { cn_open($0, &reason) } || cn_open(nil, &reason)
    }

    /// The files of the Python packages beside libtorch: …/torch/lib → …/nvidia/nccl/lib.
    private static var candidates: [String] {
        let packages = URL(filePath: Torch.libraryFolder).deletingLastPathComponent().deletingLastPathComponent()
        return ["nvidia/nccl/lib", "nvidia/cu13/lib", "torch/lib"].map { packages.appending(path: $0 + "/libnccl.so.2").path }
            .filter { FileManager.default.fileExists(atPath: $0) }
    }

    func exchange(_ own: Tensor) throws -> Tensor {
        let all = own.zerosLike()
        try call { cn_exchange(group, own.address, all.address, own.count * own.elementType.byteCount / size, device.currentStream, &$0) }
        return all
    }

    func gather(_ own: Tensor) throws -> Tensor {
        let all = Tensor.concatenated(Array(repeating: own, count: size), axis: 0)
        try call { cn_gather(group, own.address, all.address, own.count * own.elementType.byteCount, device.currentStream, &$0) }
        return all
    }

    func finish() throws {
        try call { cn_wait(group, device.currentStream, device.gpu != nil, patience, &$0) }
    }

    private func call(_ body: (inout UnsafePointer<CChar>?) -> Bool) throws {
        var reason: UnsafePointer<CChar>?
        guard !body(&reason) else { return }
        throw NCCLFailed(reason: reason.map { String(cString: $0) } ?? "NCCL failed")
    }
}

/// An exchange between GPUs that failed during training. It ends the run on all processes.
struct NCCLFailed: UserError {
    let reason: String
    var subject: String { "" }
    var problem: String { reason }
    var remedy: String { "the last checkpoint is whole: go on with --resume; VMUNET_NCCL=off sends gradients through the host" }
    var category: UserErrorCategory { .internal }
}
