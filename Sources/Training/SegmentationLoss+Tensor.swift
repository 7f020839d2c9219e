import Segmentation
import Torch

extension SegmentationLoss {
    /// The loss of a batch's logits against its truth: a binary float32 plane, or int64 labels. The
    /// boundary term also needs the signed `distances` of every class, [B, classes, H, W].
    package func callAsFunction(_ logits: Tensor, _ target: Tensor, distances: Tensor? = nil) -> Tensor {
        let published = target.elementType == .int64 ? manyClasses(logits, labels: target) : binary(logits, target: target)
        return weightedTerms(logits, target, distances: distances).map { published + $0 } ?? published
    }

    /// The loss of a batch's logits.
    func callAsFunction(_ logits: Tensor, _ batch: BatchTensors) -> Tensor { self(logits, batch.target, distances: batch.distances) }

    /// BceDice (equation 5). Logits and targets are [B, 1, H, W], targets 0…1, soft or hard. The
    /// result has one element.
    ///
    /// The Dice term is 1 − mean over images of (2Σpt + 1) / (Σp + Σt + 1). With an ignored label,
    /// both terms leave out pixels with a negative target.
    package func binary(_ logits: Tensor, target: Tensor) -> Tensor {
        let (B, pixels) = (logits.size(0), logits.count / max(logits.size(0), 1))
        var p = logits.sigmoid().reshaped([B, pixels])
        var t = target.reshaped([B, pixels])
        let bce: Tensor
        if ignoredLabel == nil {
            bce = logits.binaryCrossEntropy(target: target)
        } else {
            let known = target.clamped(min: 0)
            let counted = 1 - (known - target)  // 1, and 0 where the target is −1
            let share = counted.mean().clamped(min: 1 / Double(max(logits.count, 1)))
            bce = logits.binaryCrossEntropy(target: known, weight: counted) / share
            p = p * counted.reshaped([B, pixels])
            t = known.reshaped([B, pixels])
        }
        let overlap = (p * t).sum(axes: [1]) * 2 + 1  // [B]
        let total = p.sum(axes: [1]) + t.sum(axes: [1]) + 1  // [B]
        return bce * crossEntropyWeight + (1 - (overlap / total).mean()) * diceWeight
    }

    /// CeDice (equation 6). Logits are [B, classes, H, W], labels [B, H, W] (int64). The result has
    /// one element.
    ///
    /// The Dice term is the mean over classes of 1 − (2Σpt + 1e-5) / (Σp² + Σt² + 1e-5), with sums
    /// over the whole batch.
    package func manyClasses(_ logits: Tensor, labels: Tensor) -> Tensor {
        let classes = logits.size(1)
        let weights = classWeights.map { Tensor.row($0, on: logits.device) }
        var p = logits.softmax(axis: 1)  // [B, classes, H, W]
        var t = (ignoredLabel == nil ? labels : labels.clamped(below: classes)).oneHot(classes: classes).permuted([0, 3, 1, 2]).to(.float32)
        if let ignoredLabel {
            let counted = labels.differs(from: ignoredLabel).reshaped([labels.size(0), 1, labels.size(1), labels.size(2)])
            p = p * counted
            t = t * counted
        }
        let overlap = (p * t).sum(axes: [0, 2, 3]) * 2 + 1e-5  // [classes]
        let pixels = t.sum(axes: [0, 2, 3])  // [classes]; t² is t
        let total = (p * p).sum(axes: [0, 2, 3]) + pixels + 1e-5  // [classes]
        let dice = (1 - (overlap / total).mean()) * diceWeight
        return crossEntropy(logits, labels, weights, pixels) * crossEntropyWeight + dice
    }

    /// The weighted mean over the pixels that count; `pixels` has their number per class. It is 0
    /// if none counts, because all are ignored or their classes weigh 0: 0 / 0 would end a run at a
    /// slice of background. Computed on the device, nothing is read back.
    private func crossEntropy(_ logits: Tensor, _ labels: Tensor, _ weights: Tensor?, _ pixels: Tensor) -> Tensor {
        guard ignoredLabel != nil || (classWeights ?? []).contains(0) else {
            return logits.crossEntropy(labels: labels, classWeights: weights)
        }
        let sum = logits.crossEntropy(labels: labels, classWeights: weights, ignoring: ignoredLabel ?? -100, reduction: .sum)
        let counted = (weights.map { pixels * $0 } ?? pixels).sum()
        return sum / counted.clamped(min: Double(Float.leastNormalMagnitude))
    }
}
