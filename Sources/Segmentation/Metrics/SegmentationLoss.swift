#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The training loss (section III-D): cross-entropy plus Dice loss, and optionally other terms.
///
/// This computes it on the host for reports; `Training` computes it on tensors.
public struct SegmentationLoss: Sendable, Hashable {
    /// λ of the cross-entropy term (λ1 of equation 5, λ3 of equation 6).
    public var crossEntropyWeight: Double
    /// λ of the Dice term (λ2, λ4).
    public var diceWeight: Double
    /// A cross-entropy weight for each of several classes; nil means 1 each.
    public var classWeights: [Double]?
    /// A label that all terms ignore.
    public var ignoredLabel: Int?
    /// Terms beside the paper's.
    public var terms: LossTerms
    /// In training, the weight of the loss of the decoder's coarser maps, each relative to the next
    /// finer one; 0 for none. ``value(_:_:)`` sees the network's own logits alone.
    public var deepSupervision: Double

    /// Cross-entropy and Dice weigh 1 by default; there is no other term and no deep supervision.
    public init(
        crossEntropyWeight: Double = 1, diceWeight: Double = 1, classWeights: [Double]? = nil, ignoredLabel: Int? = nil,
        terms: LossTerms = LossTerms(), deepSupervision: Double = 0
    ) {
        self.crossEntropyWeight = crossEntropyWeight
        self.diceWeight = diceWeight
        self.classWeights = classWeights
        self.ignoredLabel = ignoredLabel
        self.terms = terms
        self.deepSupervision = deepSupervision
    }

    /// The loss of a batch's logits against its truth, [batch, height, width].
    public func value(_ logits: Logits, _ target: Sample.Target) -> Double {
        switch target {
        case .binary(let truth): binary(logits, truth) + termsValue(logits, target)
        case .labels(let truth): manyClasses(logits, truth) + termsValue(logits, target)
        }
    }

    /// BceDice (equation 5). The Dice term is 1 − mean over pictures of (2Σpt + 1) / (Σp + Σt + 1).
    /// Both terms ignore negative targets.
    private func binary(_ logits: Logits, _ truth: [Float]) -> Double {
        precondition(logits.classes == 1 && truth.count == logits.values.count, "one logit and one target per pixel")
        var (crossEntropy, counted, dice) = (0.0, 0, 0.0)
        for picture in 0..<logits.batch {
            var (overlap, total) = (0.0, 0.0)
            for i in picture * logits.area..<(picture + 1) * logits.area where truth[i] >= 0 {
                let (x, t) = (Double(logits.values[i]), Double(truth[i]))
                let p = 1 / (1 + exp(-x))
                // −t·log p − (1 − t)·log(1 − p), in a form that cannot overflow.
                crossEntropy += max(x, 0) - x * t + log1p(exp(-abs(x)))
                overlap += p * t
                total += p + t
                counted += 1
            }
            dice += (2 * overlap + 1) / (total + 1)
        }
        return crossEntropyWeight * crossEntropy / Double(max(counted, 1)) + diceWeight * (1 - dice / Double(max(logits.batch, 1)))
    }

    /// CeDice (equation 6). The Dice term is the mean over classes of 1 − (2Σpt + 1e-5) / (Σp² +
    /// Σt² + 1e-5), with sums over the whole batch. The cross-entropy is 0 if no pixel counts.
    private func manyClasses(_ logits: Logits, _ truth: [UInt8]) -> Double {
        let (classes, area) = (logits.classes, logits.area)
        precondition(truth.count == logits.batch * area, "one label per pixel")
        var (crossEntropy, weight) = (0.0, 0.0)
        var overlap = [Double](repeating: 0, count: classes)
        var (squares, pixels) = (overlap, overlap)
        var p = overlap
        for picture in 0..<logits.batch {
            for i in 0..<area {
                let label = Int(truth[picture * area + i])
                if label == ignoredLabel { continue }
                precondition(label < classes, "label \(label) of \(classes) classes")
                let first = picture * classes * area + i
                var greatest = -Double.infinity
                for c in 0..<classes {
                    p[c] = Double(logits.values[first + c * area])
                    greatest = max(greatest, p[c])
                }
                let logit = p[label] - greatest
                var sum = 0.0
                for c in 0..<classes {
                    p[c] = exp(p[c] - greatest)
                    sum += p[c]
                }
                let w = classWeights?[label] ?? 1
                crossEntropy += w * (log(sum) - logit)
                weight += w
                for c in 0..<classes {
                    p[c] /= sum
                    squares[c] += p[c] * p[c]
                }
                overlap[label] += p[label]
                pixels[label] += 1
            }
        }
        var dice = 0.0
        for c in 0..<classes {
            let total: Double = squares[c] + pixels[c] + 1e-5
            dice += (2 * overlap[c] + 1e-5) / total
        }
        let mean = weight > 0 ? crossEntropy / weight : 0
        return crossEntropyWeight * mean + diceWeight * (1 - dice / Double(classes))
    }
}
