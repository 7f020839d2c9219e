import TensorFiles
import Torch
import VMUNet

/// A network that can be trained, as the trainer, validation and checkpoints see it.
///
/// To add one, write a conforming type that takes its tensors from a ``ParameterStore``, which
/// checks keys and shapes, and add a line to ``NetworkKind/all``. Copies share the tensors.
package protocol SegmentationNetwork: Sendable {
    /// Classes of its output; 1 is foreground against background.
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
    /// In training a network may update its buffers and draw random numbers from libtorch's
    /// generator, which is seeded by the step. It exchanges no values with the host, so that the
    /// pass can be recorded for a GPU.
    func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor

    /// The logits, and those of coarser maps in deep supervision, finest first: [B, classes, h, w],
    /// where h and w divide H and W.
    func outputs(_ images: Tensor, _ mode: ForwardMode) -> [Tensor]
    /// The number of ``outputs(_:_:)``.
    var outputCount: Int { get }

    /// The same network with the store's tensors: `Self(configuration, from: store)`.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` if they do not fit.
    func rebuilt(from store: ParameterStore) throws -> Self
}

extension SegmentationNetwork {
    /// None.
    package var buffers: [(key: String, tensor: Tensor)] { [] }

    /// The logits alone.
    package func outputs(_ images: Tensor, _ mode: ForwardMode) -> [Tensor] { [self(images, mode)] }
    /// One.
    package var outputCount: Int { 1 }

    /// Parameters, then buffers.
    var tensors: [(key: String, tensor: Tensor)] { parameters + buffers }

    /// The weights as a checkpoint stores them: float32, and counters unchanged.
    ///
    /// - Throws: an error of libtorch if memory does not suffice.
    package func stateDictionary() throws -> StateDictionary {
        try withTorchErrors { StateDictionary(tensors.map { ($0.key, $0.tensor.hostTensor()) }) }
    }

    /// The network with its tensors on `device`; itself on the CPU, where networks are made.
    ///
    /// - Throws: an error of libtorch if memory does not suffice.
    package func on(_ device: Device) throws -> Self {
        if device.isCPU { return self }
        let moved = try withTorchErrors { Dictionary(uniqueKeysWithValues: tensors.map { ($0.key, $0.tensor.to(device)) }) }
        return try rebuilt(from: ParameterStore(tensors: moved))
    }
}
