import Torch

extension RunConfiguration.DeviceChoice {
    /// The device to work on: `auto` takes a GPU where there is one. Throws ``DeviceError`` when a GPU is asked for and there is none to use.
    public func resolved() throws -> Device {
        switch self {
        case .cpu: return .cpu
        case .auto: return Torch.isCUDAAvailable ? .cuda : .cpu
        case .cuda:
            guard Torch.isCUDAAvailable else {
                throw DeviceError(reason: "this libtorch (\(Torch.version)) finds no NVIDIA GPU or was built without CUDA")
            }
            return .cuda
        }
    }
}

/// A device that cannot be used, and why.
public struct DeviceError: Error, Sendable, CustomStringConvertible {
    public let reason: String
    public var description: String { "--device cuda: \(reason); use --device cpu, or install a CUDA build of torch and its driver" }
}
