import Segmentation
import Torch

extension SegmentationLoss {
    /// The weighted sum of ``terms``, one element; nil if all are off.
    ///
    /// - Parameters:
    ///   - logits: [B, classes, H, W].
    ///   - target: Binary: 0…1, negative where ignored, [B, 1, H, W]. Labels: int64, [B, H, W].
    ///   - distances: Signed distances of every class, [B, classes, H, W]; the boundary term needs
    ///     them.
    func weightedTerms(_ logits: Tensor, _ target: Tensor, distances: Tensor?) -> Tensor? {
        guard !terms.areOff else { return nil }
        let planes = TensorPlanes(logits, target, ignoring: ignoredLabel)
        var weighted: [Tensor] = []
        if terms.focal != 0 {
            weighted.append((planes.classes == 1 ? binaryFocal(logits, planes) : focal(logits, planes)) * terms.focal)
        }
        if terms.tversky != 0 { weighted.append(tversky(planes) * terms.tversky) }
        if terms.boundary != 0 {
            guard let distances else { preconditionFailure("the boundary loss needs the batch's distances") }
            weighted.append(boundary(planes, distances) * terms.boundary)
        }
        if terms.centerlineDice != 0 { weighted.append(centerlineDice(planes) * terms.centerlineDice) }
        return weighted.dropFirst().reduce(weighted[0], +)
    }

    /// (1 − p)^γ times the cross-entropy, p the probability of the truth; with a soft truth, p lies
    /// between the two classes' (MONAI's `FocalLoss`).
    private func binaryFocal(_ x: Tensor, _ planes: TensorPlanes) -> Tensor {
        let t = planes.truth
        let crossEntropy = x - x * t - x.logSigmoid()
        var values = crossEntropy * ((-(x * (t * 2 + -1))).logSigmoid() * terms.focalGamma).exponential()
        if let alpha = terms.focalAlpha { values = values * (t * (2 * alpha - 1) + (1 - alpha)) }
        return planes.mean(values)
    }

    /// The mean over pixels, weighted by class as the cross-entropy is: MONAI's mean over pixels
    /// and classes, times the classes.
    private func focal(_ logits: Tensor, _ planes: TensorPlanes) -> Tensor {
        let logarithms = logits.logSoftmax(axis: 1)
        let weights = classWeights.map { Tensor.row($0, on: logits.device).reshaped([1, planes.classes, 1, 1]) }
        let truth = weights.map { planes.truth * $0 } ?? planes.truth
        // A power below 1 has no derivative at 0.
        let wrong = (1 - logarithms.exponential()).clamped(min: 1e-7)
        let sum = -(truth * logarithms * wrong.power(terms.focalGamma)).sum()
        return sum / truth.sum().clamped(min: Double(Float.leastNormalMagnitude))
    }

    /// One class: the mean of each picture's. Several: the mean of each class's over the batch, as
    /// the Dice term's sums (MONAI's `TverskyLoss`, with `batch=True`).
    private func tversky(_ planes: TensorPlanes) -> Tensor {
        let axes = planes.classes == 1 ? [1, 2, 3] : [0, 2, 3]
        let both = (planes.probability * planes.truth).sum(axes: axes)
        let onlyPredicted = planes.probability.sum(axes: axes) - both
        let onlyTrue = planes.truth.sum(axes: axes) - both
        let smoothing = LossTerms.tverskySmoothing
        let total = both + onlyPredicted * terms.tverskyAlpha + onlyTrue * terms.tverskyBeta + smoothing
        return 1 - ((both + smoothing) / total).mean()
    }

    /// The mean of probability times distance, over pixels and all classes but the background.
    private func boundary(_ planes: TensorPlanes, _ distances: Tensor) -> Tensor {
        planes.mean(planes.foreground(planes.probability) * planes.foreground(distances))
    }

    /// The mean over pictures of the soft centreline Dice of all classes but the background
    /// (MONAI's `SoftclDiceLoss`).
    private func centerlineDice(_ planes: TensorPlanes) -> Tensor {
        let (p, t) = (planes.foreground(planes.probability), planes.foreground(planes.truth))
        let smoothing = LossTerms.centerlineSmoothing
        let (predicted, skeleton) = (Self.skeleton(p, terms.centerlineIterations), Self.skeleton(t, terms.centerlineIterations))
        func share(_ skeleton: Tensor, in map: Tensor) -> Tensor {
            ((skeleton * map).sum(axes: [1, 2, 3]) + smoothing) / (skeleton.sum(axes: [1, 2, 3]) + smoothing)
        }
        let (precision, sensitivity) = (share(predicted, in: t), share(skeleton, in: p))  // [B]
        return 1 - (precision * sensitivity * 2 / (precision + sensitivity + LossTerms.harmonicSmoothing)).mean()
    }

    /// The soft skeleton of maps [B, C, H, W]: the values that opening removes from the map and
    /// from its erosions.
    private static func skeleton(_ map: Tensor, _ iterations: Int) -> Tensor {
        func eroded(_ map: Tensor) -> Tensor {
            let minima = [(3, 1), (1, 3)].map { -(-map).maxPooledInPlace(rows: $0.0, columns: $0.1) }
            return minima[0].minimum(minima[1])
        }
        func lost(_ map: Tensor) -> Tensor { (map - eroded(map).maxPooledInPlace(rows: 3, columns: 3)).rectified() }
        var map = map
        var skeleton = lost(map)
        for _ in 0..<iterations {
            map = eroded(map)
            let more = lost(map)
            skeleton = skeleton + (more - skeleton * more).rectified()
        }
        return skeleton
    }
}

/// A batch's probabilities and truth, both [B, classes, H, W] and 0 where a pixel is ignored.
private struct TensorPlanes {
    let classes: Int
    let probability: Tensor
    let truth: Tensor
    /// 1 for pixels that count and 0 for others, [B, 1, H, W]; nil if all count.
    let counted: Tensor?

    init(_ logits: Tensor, _ target: Tensor, ignoring ignored: Int?) {
        classes = logits.size(1)
        let (B, H, W) = (logits.size(0), logits.size(2), logits.size(3))
        let p: Tensor, t: Tensor
        if target.elementType == .int64 {
            p = logits.softmax(axis: 1)
            let labels = ignored == nil ? target : target.clamped(below: classes)
            t = labels.oneHot(classes: classes).permuted([0, 3, 1, 2]).to(.float32)
            counted = ignored.map { target.differs(from: $0).reshaped([B, 1, H, W]) }
        } else {
            p = logits.sigmoid()
            t = ignored == nil ? target : target.clamped(min: 0)
            counted = ignored.map { _ in 1 - (t - target) }  // 1, and 0 where the target is −1
        }
        (probability, truth) = counted.map { (p * $0, t * $0) } ?? (p, t)
    }

    /// All classes but the background; the only one of a binary batch.
    func foreground(_ planes: Tensor) -> Tensor {
        classes == 1 ? planes : planes.narrowed(axis: 1, start: 1, length: classes - 1)
    }

    /// The mean over pixels that count, of [B, any, H, W]; 0 if none counts.
    func mean(_ values: Tensor) -> Tensor {
        guard let counted else { return values.mean() }
        return (values * counted).sum() / (counted.sum() * Double(values.size(1))).clamped(min: 1)
    }
}
