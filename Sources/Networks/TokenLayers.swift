import Torch
import VMUNet

/// x·Wᵀ + b over the last axis, as `nn.Linear`.
struct Linear: Sendable {
    let weight: Tensor  // weight [outputs, inputs]
    let bias: Tensor?  // bias [outputs]

    /// Unless given, weights start normal with deviation 0.02, as usual for transformers, and
    /// biases at zero.
    init(
        _ path: TorchPath, _ inputs: Int, _ outputs: Int, hasBias: Bool = true, weights: InitialValues = .transformer,
        biases: InitialValues = .constant(0)
    ) {
        weight = path.parameter("weight", [outputs, inputs], weights)
        bias = hasBias ? path.parameter("bias", [outputs], biases) : nil
    }

    /// [.., inputs] → [.., outputs], in `precision`.
    func callAsFunction(_ x: Tensor, _ precision: Precision) -> Tensor {
        let type = precision.elementType
        return x.to(type).linear(weight.to(type), bias: bias?.to(type))
    }
}

/// Normalises the last axis, as `nn.LayerNorm`; float32.
struct LayerNorm: Sendable {
    let weight: Tensor  // weight [C]
    let bias: Tensor  // bias [C]
    let epsilon: Double

    init(_ path: TorchPath, channels C: Int, epsilon: Double = 1e-5) {
        weight = path.parameter("weight", [C], .constant(1))
        bias = path.parameter("bias", [C], .constant(0))
        self.epsilon = epsilon
    }

    func callAsFunction(_ x: Tensor) -> Tensor { x.to(.float32).layerNormalized(weight: weight, bias: bias, epsilon: epsilon) }
}

/// A transformer's MLP: two Linears with GELU between them.
struct TokenMLP: Sendable {
    let first: Linear  // fc1
    let second: Linear  // fc2
    let dropout: Double

    init(
        _ path: TorchPath, channels C: Int, hidden: Int, dropout: Double = 0, weights: InitialValues = .transformer,
        biases: InitialValues = .constant(0)
    ) {
        first = Linear(path / "fc1", C, hidden, weights: weights, biases: biases)
        second = Linear(path / "fc2", hidden, C, weights: weights, biases: biases)
        self.dropout = dropout
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [.., C]
        let hidden = first(x, mode.precision).gelu().droppedOut(dropout, mode)
        return second(hidden, mode.precision).droppedOut(dropout, mode)
    }
}

extension InitialValues {
    /// Normal with deviation 0.02, within ±2.
    static let transformer = InitialValues.truncatedNormal(standardDeviation: 0.02, limit: 2)
}

extension Tensor {
    /// Dropout: zeroes each value with probability `rate` in training.
    func droppedOut(_ rate: Double, _ mode: ForwardMode) -> Tensor {
        guard mode.isTraining, rate > 0 else { return self }
        guard let part = BatchPart.current, part.total > size(0) else { return droppedOut(rate) }
        // Factors of 0 or 1 / (1 − rate) for the whole batch, of which these pictures take theirs.
        let (rest, length) = (Array(shape.dropFirst()), count / Swift.max(size(0), 1))
        let factors = withoutGradients {
            BatchPart.rows(own: size(0)) { Tensor.row(1, count: $0 * length, on: device).droppedOut(rate).reshaped([$0] + rest) }
        }
        return self * factors.to(elementType)
    }

    /// Attention: softmax(Q · Kᵀ / √channels + bias) · V, with Q, K and V [B, heads, tokens,
    /// channels per head]. A bias [parts, heads, tokens, tokens] repeats after every `parts` of B.
    static func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, bias: Tensor? = nil) -> Tensor {
        let scale = 1 / Double(q.size(-1)).squareRoot()
        var scores = (q * scale).multiplied(by: k.transposed(-2, -1)).to(.float32)  // [B, heads, tokens, tokens]
        if let bias {
            let shape = scores.shape
            scores = (scores.reshaped([-1, bias.size(0)] + shape.dropFirst()) + bias).reshaped(shape)
        }
        return scores.softmax(axis: -1).to(v.elementType).multiplied(by: v)
    }
}
