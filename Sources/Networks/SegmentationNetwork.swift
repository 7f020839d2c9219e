import TensorFiles
import Torch
import VMUNet

/// A network that can be trained: what the trainer, validation and checkpoints need to know of one.
///
/// To add one, write a type that conforms, whose tensors come from a ``ParameterStore`` so that
/// keys and shapes are checked, and a line in ``NetworkKind/all``. Copies share the tensors.
package protocol SegmentationNetwork: Sendable {
    /// Classes of its answer; 1 is foreground against background.
    var classes: Int { get }
    /// Channels of its pictures.
    var inputChannels: Int { get }
    /// Heights and widths of pictures must be multiples of this.
    var sizeMultiple: Int { get }
    /// Tensors that optimisers update, each with its checkpoint key.
    var parameters: [(key: String, tensor: Tensor)] { get }
    /// Tensors that are stored with the weights but not optimised, such as running statistics of
    /// batch normalisation.
    var buffers: [(key: String, tensor: Tensor)] { get }

    /// Logits [B, classes, H, W], float32, of images [B, input channels or 1, H, W].
    ///
    /// In training a network may draw random numbers from libtorch's generator, which is seeded by
    /// the step, and update its buffers. It reads no values back and takes none from the host, so
    /// that the pass can be recorded for a GPU.
    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor

    /// The same network of other tensors: `Self(configuration, from: store)`.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` where the store's do not fit.
    func rebuilt(from store: ParameterStore) throws -> Self
}

extension SegmentationNetwork {
    /// None.
    package var buffers: [(key: String, tensor: Tensor)] { [] }

    /// Parameters, then buffers.
    var tensors: [(key: String, tensor: Tensor)] { parameters + buffers }

    /// The weights as a checkpoint holds them: float32, and counters as they are.
    ///
    /// - Throws: an error of libtorch where memory does not suffice.
    package func stateDictionary() throws -> StateDictionary {
        try withTorchErrors { StateDictionary(tensors.map { ($0.key, $0.tensor.hostTensor()) }) }
    }

    /// The network with its tensors on `device`; itself on the CPU, where networks are made.
    ///
    /// - Throws: an error of libtorch where memory does not suffice.
    package func on(_ device: Device) throws -> Self {
        if device.isCPU { return self }
        let moved = try withTorchErrors { Dictionary(uniqueKeysWithValues: tensors.map { ($0.key, $0.tensor.to(device)) }) }
        return try rebuilt(from: ParameterStore(tensors: moved))
    }
}
