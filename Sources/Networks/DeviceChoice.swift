import Files
import Foundation
import Segmentation
import Torch

extension Torch {
    /// Sets libtorch up as told, for the whole process: threads and TF32. Returns the device to work on.
    ///
    /// Throws ``DeviceError`` when a GPU is asked for and there is none to use.
    public static func prepare(_ compute: Compute) throws -> Device {
        if let count = compute.threads { threads = count }
        try allowTF32(compute.allowsTF32)
        return try compute.device.resolved()
    }
}

extension Compute.Device {
    /// The device to work on: `auto` takes a GPU where there is one that works. Throws ``DeviceError`` when a GPU is asked for and there is none to use.
    ///
    /// `note` is told why `auto` leaves a GPU that is there unused; by default it writes a line to standard error.
    public func resolved(note: (String) -> Void = Self.writeNote) throws -> Device {
        switch self {
        case .cpu: return .cpu
        case .auto:
            guard Torch.isGPUPresent else { return .cpu }
            switch Torch.cudaStatus {
            case .ready: return .cuda
            case .noGPU: return .cpu
            case .unusable(let reason):
                note("the GPU here is not used, the CPU is: \(reason.replacing("\n", with: " "))")
                return .cpu
            }
        case .cuda:
            switch Torch.cudaStatus {
            case .ready: return .cuda
            case .noGPU(let reason), .unusable(let reason): throw DeviceError(reason: reason)
            }
        }
    }

    public static func writeNote(_ text: String) { FileHandle.standardError.write(Data("note: \(text)\n".utf8)) }
}

/// A device that cannot be used, and why.
public struct DeviceError: UserError {
    /// All that is missing, and where to get it.
    public let reason: String
    /// The option.
    public var subject: String { "--device cuda" }
    /// As ``reason``.
    public var problem: String { reason }
    /// The CPU.
    public var remedy: String { "or use --device cpu" }
    public var description: String { "--device cuda: \(reason). Or use --device cpu" }
}
