import Files
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// A network on libtorch, ready to predict on the CPU or a GPU.
public struct TorchInference: InferenceNetwork {
    /// The network on its device.
    public let network: TorchVMUNet
    private let inference: Inference
    private let mode: ForwardMode
    private let device: Device

    /// Loads these weights onto the device that `compute` names.
    ///
    /// Throws ``/VMUNet/WeightsMismatch`` and ``/VMUNet/ConfigurationError`` for weights that are
    /// not a VM-UNet's, and ``DeviceError``.
    public init(_ weights: StateDictionary, _ compute: Compute = Compute()) throws {
        let device = try Torch.prepare(compute)
        self.init(try TorchVMUNet(weights: weights).on(device), compute)
    }

    /// Uses a network that is already on its device.
    public init(_ network: TorchVMUNet, _ compute: Compute = Compute()) {
        self.network = network
        mode = ForwardMode(precision: compute.precision.ofProducts)
        device = network.parameters[0].tensor.device
        inference = Inference(network, mode, compileGraph: compute.compileGraph)
    }

    public var classes: Int { network.configuration.classes }
    public var inputChannels: Int { network.configuration.inputChannels }
    public var sizeMultiple: Int { 32 }

    public func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        let inputs = try tensor(images, batch, height, width)
        let logits = try inference(inputs)
        return try withTorchErrors { logits.floats() }
    }

    public func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String? {
        guard let inputs = try? tensor(images, batch, height, width) else { return nil }
        return network.firstNonFiniteLayer(inputs, mode)
    }

    private func tensor(_ images: [Float], _ batch: Int, _ height: Int, _ width: Int) throws -> Tensor {
        let channels = images.count / max(batch * height * width, 1)
        return try withTorchErrors { Tensor(images, shape: [batch, channels, height, width], on: device) }
    }
}

extension NetworkLoader {
    /// Loads networks on libtorch.
    public static let torch = NetworkLoader { weights, compute in try TorchInference(weights, compute) }
}

extension PretrainedWeights.NothingFits: WeightsProblem {
    public var subject: String { "initial weights" }
    public var problem: String { description }
    public var remedy: String { "" }
}

extension Compute.Precision {
    /// The element type of the matrix products.
    public var elementType: ElementType { self == .bf16 ? .bfloat16 : .float32 }
}
