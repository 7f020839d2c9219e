import Networks
import Segmentation
import Torch
import VMUNet

/// A batch on a device.
struct BatchTensors {
    /// [B, channels, H, W].
    let images: Tensor
    /// Binary: float32 [B, 1, H, W]. Several classes: labels, int64 [B, H, W].
    let target: Tensor
    /// The signed distances of every class, [B, classes, H, W]; nil unless the loss needs them.
    let distances: Tensor?

    init(_ batch: Batch, on device: Device, for loss: SegmentationLoss, of classes: Int) {
        let (B, H, W) = (batch.count, batch.height, batch.width)
        images = Tensor(batch.images, shape: [B, batch.channels, H, W], on: device)
        target =
            switch batch.target {
            case .binary(let plane): Tensor(plane, shape: [B, 1, H, W], on: device)
            case .labels(let plane): Tensor(plane, shape: [B, H, W], on: device).to(.int64)
            }
        distances =
            loss.terms.boundary == 0
            ? nil
            : Tensor(batch.target.signedDistances(classes: classes, height: H, width: W), shape: [B, classes, H, W], on: device)
    }

    init(images: Tensor, target: Tensor, distances: Tensor?) {
        (self.images, self.target, self.distances) = (images, target, distances)
    }

    func copied() -> BatchTensors {
        BatchTensors(images: images.copied(), target: target.copied(), distances: distances?.copied())
    }

    /// Overwrites this batch with another of the same shape.
    func assign(_ other: BatchTensors) {
        images.assign(other.images)
        target.assign(other.target)
        if let distances, let others = other.distances { distances.assign(others) }
    }

    /// Logits and batch of no picture, for a process whose part of a batch is empty.
    static func none(classes: Int) -> (logits: Tensor, batch: BatchTensors) {
        let nothing = [Float]()
        let images = Tensor(nothing, shape: [0, 1, 1, 1])
        let target = classes == 1 ? images : Tensor([Int64](), shape: [0, 1, 1])
        return (Tensor(nothing, shape: [0, classes, 1, 1]), BatchTensors(images: images, target: target, distances: nil))
    }

    /// The truth at every `step`-th pixel, for the logits of a coarser map: the pixel at the middle of
    /// each square, as PyTorch's `nearest-exact`.
    func reduced(by step: Int) -> BatchTensors {
        func reduced(_ plane: Tensor) -> Tensor {
            let shape = plane.shape
            let (outer, H, W) = (Array(shape.dropLast(2)), shape[shape.count - 2], shape[shape.count - 1])
            let squares = plane.reshaped([outer.reduce(1, *), H / step, step, W / step, step])
            return squares.narrowed(axis: 2, start: step / 2, length: 1).narrowed(axis: 4, start: step / 2, length: 1)
                .reshaped(outer + [H / step, W / step])
        }
        return BatchTensors(images: images, target: reduced(target), distances: distances.map(reduced))
    }
}

/// Scores batches in training, with the training loss computed by libtorch.
package struct TorchScorer: BatchScorer {
    private let network: any SegmentationNetwork
    private let loss: SegmentationLoss
    private let mode: ForwardMode
    private let device: Device
    private let inference: Inference

    /// With `compileGraph`, each scorer records the network's work on a GPU and launches it as one.
    package init(_ network: any SegmentationNetwork, _ loss: SegmentationLoss, precision: Compute.Precision, compileGraph: Bool = false) {
        (self.network, self.loss) = (network, loss)
        mode = ForwardMode(precision: precision.ofProducts)
        device = network.parameters[0].tensor.device
        inference = Inference(network, mode, compileGraph: compileGraph)
    }

    package func score(_ batch: Batch) throws -> (logits: Logits, loss: Double) {
        try withTorchErrors {
            try withoutGradients {
                let inputs = BatchTensors(batch, on: device, for: loss, of: network.classes)
                let logits = try inference(inputs.images)
                let values = logits.floats()
                guard values.count == logits.count else {
                    throw TorchError(operation: "scores", reason: "no values came back", isOutOfMemory: true)
                }
                let host = Logits(
                    values, batch: batch.count, classes: logits.size(1), height: batch.height, width: batch.width)
                return (host, loss(logits, inputs).item)
            }
        }
    }

    package func firstNonFiniteLayer(_ batch: Batch) -> String? {
        guard let inputs = try? withTorchErrors({ BatchTensors(batch, on: device, for: SegmentationLoss(), of: network.classes) }) else {
            return nil
        }
        return network.firstNonFiniteLayer(inputs.images, mode)
    }
}
