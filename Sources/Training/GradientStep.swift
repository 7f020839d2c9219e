import Networks
import Segmentation
import Torch
import VMUNet

/// A step's work on a batch before the optimiser: forward, loss, backward. Run directly or
/// recorded; on a GPU a recording is one launch.
///
/// Not recorded: copying the batch to the device, checking the loss before anything changes,
/// clipping, the optimiser and the average. They are few launches, and this way the learning rate
/// and step number can stay on the host.
final class GradientStep {
    private let network: any SegmentationNetwork
    private let loss: SegmentationLoss
    private let mode: ForwardMode
    private let optimizer: any Optimizer
    private let group: any ProcessGroup
    /// Adds gradients over the processes; nil for one process.
    private let gradients: (any GradientSumming)?
    /// Batches whose gradients make up a step.
    private let accumulate: Int
    /// Pictures in a recorded batch; nil if nothing is recorded.
    private let recordedSize: Int?
    private var recorded: (inputs: BatchTensors, work: RecordedWork)?

    init(
        _ network: any SegmentationNetwork, _ loss: SegmentationLoss, _ mode: ForwardMode, _ optimizer: any Optimizer,
        among group: any ProcessGroup, summing gradients: (any GradientSumming)?,
        accumulate: Int, recordingBatchesOf recordedSize: Int?
    ) {
        (self.network, self.loss, self.mode, self.optimizer, self.group) = (network, loss, mode, optimizer, group)
        (self.accumulate, self.recordedSize) = (accumulate, recordedSize)
        self.gradients = gradients
    }

    /// Adds a batch's gradients to the accumulated ones, or replaces them if the batch is its
    /// step's first. Returns the loss, after `check` has seen it.
    ///
    /// If several processes share the batch, each passes its part, or nil for an empty one. All
    /// return the whole batch's loss, and have the whole gradients after the step's last batch.
    ///
    /// Throws what `check` throws. Then nothing has changed, except that recorded work has already
    /// added its gradients.
    func callAsFunction(
        _ batch: BatchTensors?, part: BatchPart, isFirst: Bool, isLast: Bool, check: (Double) throws -> Void
    ) throws -> Double {
        if recordedSize != nil, let batch { return try recording(batch, isFirst: isFirst, check) }
        let loss = try withTorchErrors { wholeLoss(of: batch, part) }
        let value = try withTorchErrors { loss.item }
        try check(value)
        if isFirst { optimizer.clearGradients() }
        let backward = { [self] in
            guard batch != nil else { return }
            try withTorchErrors { share(of: loss).backward() }
        }
        if isLast, let gradients { try gradients(backward) } else { try backward() }
        return value
    }

    /// The loss of the whole batch, of which this process has a part.
    private func wholeLoss(of batch: BatchTensors?, _ part: BatchPart) -> Tensor {
        let sum = BatchSum(group: group, part: part)
        guard let batch else {
            let nothing = BatchTensors.none(classes: network.classes)
            return self.loss(Array(repeating: nothing.logits, count: network.outputCount), nothing.batch, in: sum)
        }
        return BatchPart.$current.withValue(part) { self.loss(network.outputs(batch.images, mode), batch, in: sum) }
    }

    /// A batch of another size, the last of an epoch, runs the same code unrecorded.
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
            inputs.assign(batch)
        }
        return try work()[0]
    }

    /// Adds a batch's share of the gradients. Returns its loss, detached from autograd.
    private func addGradients(_ batch: BatchTensors) -> Tensor {
        let loss = self.loss(network.outputs(batch.images, mode), batch)
        share(of: loss).backward()
        return loss.detached()
    }

    private func share(of loss: Tensor) -> Tensor { accumulate > 1 ? loss * (1 / Double(accumulate)) : loss }
}
