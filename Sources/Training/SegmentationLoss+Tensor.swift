import Segmentation
import Torch

extension SegmentationLoss {
    /// The loss of a batch's logits against its truth: a binary float32 plane, or int64 labels. The
    /// boundary term also needs the signed `distances` of every class, [B, classes, H, W].
    ///
    /// The published terms are functions of sums over pictures. If several processes share the
    /// batch, `batch` adds these sums, so that all get the whole batch's loss. Each gets its part of
    /// the gradient, and the parts add up to the whole. ``terms`` see the part alone, so runs on
    /// several processes refuse them.
    package func callAsFunction(_ logits: Tensor, _ target: Tensor, distances: Tensor? = nil, in batch: BatchSum = .own) -> Tensor {
        let published =
            target.elementType == .int64 ? manyClasses(logits, labels: target, in: batch) : binary(logits, target: target, in: batch)
        return weightedTerms(logits, target, distances: distances).map { published + $0 } ?? published
    }

    /// The loss of a batch's logits.
    func callAsFunction(_ logits: Tensor, _ batch: BatchTensors, in sum: BatchSum = .own) -> Tensor {
        self(logits, batch.target, distances: batch.distances, in: sum)
    }

    /// The loss of a batch's logits, and of those of coarser maps in deep supervision, each of which
    /// weighs ``deepSupervision`` times the next finer one's.
    func callAsFunction(_ outputs: [Tensor], _ batch: BatchTensors, in sum: BatchSum = .own) -> Tensor {
        var (total, weight) = (self(outputs[0], batch, in: sum), 1.0)
        for logits in outputs.dropFirst() {
            weight *= deepSupervision
            total = total + self(logits, batch.reduced(by: outputs[0].size(2) / logits.size(2)), in: sum) * weight
        }
        return total
    }

    /// BceDice (equation 5). Logits and targets are [B, 1, H, W], targets 0…1, soft or hard. The
    /// result has one element.
    ///
    /// The Dice term is 1 − mean over images of (2Σpt + 1) / (Σp + Σt + 1). With an ignored label,
    /// both terms leave out pixels with a negative target.
    package func binary(_ logits: Tensor, target: Tensor, in batch: BatchSum = .own) -> Tensor {
        let (B, pixels) = (logits.size(0), logits.size(2) * logits.size(3))
        var p = logits.sigmoid().reshaped([B, pixels])
        var t = target.reshaped([B, pixels])
        let crossEntropy, count: Tensor
        if ignoredLabel == nil {
            crossEntropy = logits.binaryCrossEntropy(target: target, reduction: .sum)
            count = Tensor.row(Double(B * pixels), count: 1, on: logits.device)
        } else {
            let known = target.clamped(min: 0)
            let counted = 1 - (known - target)  // 1, and 0 where the target is −1
            crossEntropy = logits.binaryCrossEntropy(target: known, weight: counted, reduction: .sum)
            count = counted.sum()
            p = p * counted.reshaped([B, pixels])
            t = known.reshaped([B, pixels])
        }
        let overlap = (p * t).sum(axes: [1]) * 2 + 1  // [B]
        let total = p.sum(axes: [1]) + t.sum(axes: [1]) + 1  // [B]
        let sums = batch.sum([crossEntropy, count, (overlap / total).sum()])
        let bce = (sums[0] / sums[1].clamped(min: 1)).reshaped([])
        let dice = sums[2] * (1 / Double(batch.pictures(own: B)))
        return bce * crossEntropyWeight + (1 - dice) * diceWeight
    }

    /// CeDice (equation 6). Logits are [B, classes, H, W], labels [B, H, W] (int64). The result has
    /// one element.
    ///
    /// The Dice term is the mean over classes of 1 − (2Σpt + 1e-5) / (Σp² + Σt² + 1e-5), with sums
    /// over the whole batch. The cross-entropy is the weighted mean over the pixels that count; it
    /// is 0 if none counts, because all are ignored or their classes weigh 0: 0 / 0 would end a run
    /// at a slice of background.
    package func manyClasses(_ logits: Tensor, labels: Tensor, in batch: BatchSum = .own) -> Tensor {
        let classes = logits.size(1)
        let weights = classWeights.map { Tensor.row($0, on: logits.device) }
        var p = logits.softmax(axis: 1)  // [B, classes, H, W]
        var t = (ignoredLabel == nil ? labels : labels.clamped(below: classes)).oneHot(classes: classes).permuted([0, 3, 1, 2]).to(.float32)
        if let ignoredLabel {
            let counted = labels.differs(from: ignoredLabel).reshaped([labels.size(0), 1, labels.size(1), labels.size(2)])
            p = p * counted
            t = t * counted
        }
        let sums = batch.sum([
            logits.crossEntropy(labels: labels, classWeights: weights, ignoring: ignoredLabel ?? -100, reduction: .sum),
            (p * t).sum(axes: [0, 2, 3]), (p * p).sum(axes: [0, 2, 3]), t.sum(axes: [0, 2, 3]),  // [classes] each; t² is t
        ])
        let pixels = sums[3]
        let overlap = sums[1] * 2 + 1e-5
        let total = sums[2] + pixels + 1e-5
        let dice = (1 - (overlap / total).mean()) * diceWeight
        let counted = (weights.map { pixels * $0 } ?? pixels).sum()
        return sums[0] / counted.clamped(min: Double(Float.leastNormalMagnitude)) * crossEntropyWeight + dice
    }
}
