import Files
import Foundation
import Segmentation
import Torch

extension Torch {
    /// Applies the compute settings to the whole process: threads and TF32. Returns the device.
    ///
    /// Throws ``DeviceError`` if a GPU is requested but cannot be used.
    package static func prepare(_ compute: Compute) throws -> Device {
        if let count = compute.threads { threads = count }
        try allowTF32(compute.allowsTF32)
        return try compute.device.resolved()
    }
}

extension Compute.Device {
    /// The device to use; `auto` takes a working GPU if there is one. Throws ``DeviceError`` if
    /// a GPU is requested but cannot be used.
    ///
    /// `note` receives the reason if `auto` leaves a GPU unused; by default it is written to
    /// standard error.
    package func resolved(note: (String) -> Void = Self.writeNote) throws -> Device {
        switch self {
        case .cpu: return .cpu
        case .auto:
            guard Torch.isGPUPresent else { return .cpu }
            switch Torch.cudaStatus {
            case .ready: return .cuda
            case .noGPU: return .cpu
            case .unusable(let reason):
                note("using the CPU; the GPU cannot be used: \(reason.replacing("\n", with: " "))")
                return .cpu
            }
        case .cuda:
            switch Torch.cudaStatus {
            case .ready: return .cuda
            case .noGPU(let reason), .unusable(let reason): throw DeviceError(reason: reason)
            }
        }
    }

    package static func writeNote(_ text: String) { FileHandle.standardError.write(Data("note: \(text)\n".utf8)) }
}

/// A device cannot be used.
public struct DeviceError: UserError {
    /// Everything that is missing, and its source.
    public let reason: String
    /// The command-line option.
    public var subject: String { "--device cuda" }
    /// The ``reason``.
    public var problem: String { reason }
    /// Suggests the CPU.
    public var remedy: String { "or use --device cpu" }
    /// The option, the reason and the way out.
    public var description: String { "--device cuda: \(reason). Or use --device cpu" }
}
