import Networks
import Segmentation
import Torch
import VMUNet

/// What a step does with a batch before the optimiser: forward, loss, backward. As it stands, or as recorded work, on a GPU one launch.
///
/// Not in the recording: the batch's way to the device, the look at the loss before anything moves, clipping, the optimiser and the
/// average. They are few launches, and the learning rate and the number of the step may then stay numbers of the host.
final class GradientStep {
    private let network: TorchVMUNet
    private let loss: SegmentationLoss
    private let mode: ForwardMode
    private let optimizer: any Optimizer
    /// Batches whose gradients make a step.
    private let accumulate: Int
    /// Pictures of a batch that is recorded; nil where none is.
    private let recordedSize: Int?
    private var recorded: (inputs: BatchTensors, work: RecordedWork)?

    init(
        _ network: TorchVMUNet, _ loss: SegmentationLoss, _ mode: ForwardMode, _ optimizer: any Optimizer, accumulate: Int,
        recordingBatchesOf recordedSize: Int?
    ) {
        (self.network, self.loss, self.mode, self.optimizer) = (network, loss, mode, optimizer)
        (self.accumulate, self.recordedSize) = (accumulate, recordedSize)
    }

    /// Adds a batch's gradients to those gathered, from none if it is the first of its step; the loss, which `check` has seen.
    ///
    /// Throws what `check` throws. Nothing has changed then, but for the gathered gradients where work is recorded: it is done as a whole.
    func callAsFunction(_ batch: BatchTensors, isFirst: Bool, check: (Double) throws -> Void) throws -> Double {
        if recordedSize != nil { return try recording(batch, isFirst: isFirst, check) }
        let loss = try withTorchErrors { self.loss(network(batch.images, mode), batch.target) }
        let value = try withTorchErrors { loss.item }
        try check(value)
        try withTorchErrors {
            if isFirst { optimizer.clearGradients() }
            share(of: loss).backward()
        }
        return value
    }

    /// A batch of another size, the last of an epoch, goes the same way unrecorded.
    private func recording(_ batch: BatchTensors, isFirst: Bool, _ check: (Double) throws -> Void) throws -> Double {
        if isFirst { try withTorchErrors { optimizer.zeroGradients() } }
        let loss = try replayed(batch) ?? withTorchErrors { addGradients(batch) }
        let value = try withTorchErrors { loss.item }
        try check(value)
        return value
    }

    private func replayed(_ batch: BatchTensors) throws -> Tensor? {
        if recorded == nil, batch.images.size(0) == recordedSize {
            let inputs = try withTorchErrors { batch.copied() }
            recorded = (inputs, try RecordedWork(on: batch.images.device) { [unowned self] in [addGradients(inputs)] })
        }
        guard let (inputs, work) = recorded, inputs.images.shape == batch.images.shape else { return nil }
        try withTorchErrors {
            inputs.images.assign(batch.images)
            inputs.target.assign(batch.target)
        }
        return try work()[0]
    }

    /// Adds a batch's share of the gradients; its loss, without the graph of autograd.
    private func addGradients(_ batch: BatchTensors) -> Tensor {
        let loss = self.loss(network(batch.images, mode), batch.target)
        share(of: loss).backward()
        return loss.detached()
    }

    private func share(of loss: Tensor) -> Tensor { accumulate > 1 ? loss * (1 / Double(accumulate)) : loss }
}
