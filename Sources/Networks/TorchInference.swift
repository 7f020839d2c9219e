import Files
import Segmentation
import TensorFiles
import Torch
import VMUNet

/// A network on libtorch, ready to predict on the CPU or a GPU.
package struct TorchInference: InferenceNetwork {
    /// The network on its device.
    package let network: any SegmentationNetwork
    private let inference: Inference
    private let mode: ForwardMode
    private let device: Device

    /// Loads these weights onto the device that `compute` names. Their metadata names the kind of
    /// network and its settings. Without metadata, the keys identify the kind; a VM-UNet's sizes
    /// are read off its shapes, and another kind has its published sizes.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch``, ``/VMUNet/ConfigurationError`` or
    ///   ``NetworkSettingsError`` for weights that do not fit the network, and ``DeviceError``.
    package init(_ weights: StateDictionary, _ compute: Compute = Compute()) throws {
        let device = try Torch.prepare(compute)
        self.init(try weights.network().on(device), compute)
    }

    /// Uses a network that is already on its device.
    package init(_ network: any SegmentationNetwork, _ compute: Compute = Compute()) {
        self.network = network
        mode = ForwardMode(precision: compute.precision.ofProducts)
        device = network.parameters[0].tensor.device
        inference = Inference(network, mode, compileGraph: compute.compileGraph)
    }

    package var classes: Int { network.classes }
    package var inputChannels: Int { network.inputChannels }
    package var sizeMultiple: Int { network.sizeMultiple }

    package func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        let inputs = try tensor(images, batch, height, width)
        let logits = try inference(inputs)
        return try withTorchErrors { logits.floats() }
    }

    package func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String? {
        guard let inputs = try? tensor(images, batch, height, width) else { return nil }
        return network.firstNonFiniteLayer(inputs, mode)
    }

    private func tensor(_ images: [Float], _ batch: Int, _ height: Int, _ width: Int) throws -> Tensor {
        let channels = images.count / max(batch * height * width, 1)
        return try withTorchErrors { Tensor(images, shape: [batch, channels, height, width], on: device) }
    }
}

extension StateDictionary {
    /// Builds the network of these weights.
    fileprivate func network() throws -> any SegmentationNetwork {
        guard var settings = try NetworkSettings(metadata) else {
            guard let (kind, shape, weights) = NetworkKind.published(self) else { return try TorchVMUNet(weights: self) }
            let size = try WeightsMetadata(metadata).imageSize ?? shape.imageSize
            return try NetworkSettings(kind.name).network(
                NetworkShape(classes: shape.classes, inputChannels: shape.inputChannels, imageSize: size),
                from: ParameterStore(weights: weights))
        }
        guard settings.name != NetworkSettings.vmunet else { return try TorchVMUNet(weights: self) }
        guard let (classes, inputChannels) = settings.takeShape() else {
            throw ConfigurationError(what: "network_options", expected: "valid classes and input_channels", got: "none")
        }
        let shape = NetworkShape(
            classes: classes, inputChannels: inputChannels, imageSize: try WeightsMetadata(metadata).imageSize ?? 256)
        return try settings.network(shape, from: ParameterStore(weights: self))
    }
}

extension NetworkLoader {
    /// Loads networks on libtorch.
    public static let torch = NetworkLoader { weights, compute in try TorchInference(weights, compute) }
}

extension PretrainedWeights.NothingFits: WeightsProblem {
    package var subject: String { "initial weights" }
    package var problem: String { description }
    package var remedy: String { "" }
}

extension Compute.Precision {
    /// The element type of the matrix products.
    package var elementType: ElementType { self == .bf16 ? .bfloat16 : .float32 }
}
