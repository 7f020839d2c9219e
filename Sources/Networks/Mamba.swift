import Torch
import VMUNet

/// Mamba (Gu and Dao, 2023) on sequences: a short causal convolution and a selective scan, with a
/// gate.
struct Mamba: Sendable {
    private static let kernel = 4

    let inProjection: Linear  // in_proj      C → 2D, no bias
    let convolution: Tensor  // conv1d.weight [D, 1, 4]
    let convolutionBias: Tensor  // conv1d.bias [D]
    let xProjection: Linear  // x_proj       D → R + 2N, no bias
    let stepProjection: Linear  // dt_proj      R → D; the scan adds its bias
    let aLog: Tensor  // A_log [D, N]
    let skip: Tensor  // D [D]
    let outProjection: Linear  // out_proj     D → C, no bias

    /// D = 2C channels inside, R = ⌈C / 16⌉.
    init(_ path: TorchPath, channels C: Int, stateSize N: Int = 16) {
        let (D, R) = (2 * C, (C + 15) / 16)
        inProjection = Linear(path / "in_proj", C, 2 * D, hasBias: false)
        convolution = path.parameter("conv1d.weight", [D, 1, Self.kernel], .normal(2 / Double(Self.kernel * D)))
        convolutionBias = path.parameter("conv1d.bias", [D], .uniform(bound: 1 / Double(Self.kernel).squareRoot()))
        xProjection = Linear(path / "x_proj", D, R + 2 * N, hasBias: false)
        stepProjection = Linear(path / "dt_proj", R, D)
        aLog = path.parameter("A_log", [D, N], .logarithms)
        skip = path.parameter("D", [D], .constant(1))
        outProjection = Linear(path / "out_proj", D, C, hasBias: false)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, L, C] → [B, L, C]
        let (L, D, N) = (x.size(1), aLog.size(0), aLog.size(1))
        let R = stepProjection.weight.size(1)
        let halves = inProjection(x, mode.precision).to(.float32).transposed(1, 2).parts(2, axis: 1)  // [B, D, L] each
        let (inputs, z) = (halves[0], halves[1])
        // Pads both ends and cuts the later one off, which makes the convolution causal.
        let u = inputs.convolvedAlong(convolution, bias: convolutionBias, padding: Self.kernel - 1, groups: D)
            .narrowed(axis: 2, start: 0, length: L).silu()  // [B, D, L]
        let projected = xProjection(u.transposed(1, 2), mode.precision).to(.float32)  // [B, L, R + 2N]
        let step = projected.narrowed(axis: 2, start: 0, length: R).linear(stepProjection.weight).transposed(1, 2)  // [B, D, L]
        let B = projected.narrowed(axis: 2, start: R, length: N).transposed(1, 2)  // [B, N, L]
        let C = projected.narrowed(axis: 2, start: R + N, length: N).transposed(1, 2)  // [B, N, L]
        let y = TorchEngine.selectiveScan(u, step: step, A: -aLog.exponential(), B: B, C: C, skip: skip, bias: stepProjection.bias)
        return outProjection((y * z.silu()).transposed(1, 2), mode.precision)  // [B, L, C]
    }
}

extension TorchEngine {
    private static let selectiveScanOp = Operator("vmunet::selective_scan")

    /// y = C h + skip u, where from token to token h ← exp(Δ A) h + Δ u B and Δ = softplus(step +
    /// bias).
    ///
    /// u and step [B, D, L], A [D, N], B and C [B, N, L], skip and bias [D] → [B, D, L].
    static func selectiveScan(_ u: Tensor, step: Tensor, A: Tensor, B: Tensor, C: Tensor, skip: Tensor, bias: Tensor?) -> Tensor {
        // An update is three multiply-adds: one each for the state, its input and the output.
        OperationCount.add { 3 * u.count * A.size(1) }
        return selectiveScanOp(
            .tensor(u), .tensor(step), .tensor(A), .tensor(B), .tensor(C), .tensor(skip), .optional(bias), .bool(true))
    }
}
