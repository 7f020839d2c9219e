import Foundation
import Torch

/// 2D selective scan (section III-C, figure 3): the map is read in four orders by a state space model whose Δ, B and C depend on the input,
/// and the four results are put back in place and summed.
struct SS2D {
    let xProjWeight: Tensor  // x_proj_weight    [4, R + 2N, D]: δ, B and C of each direction
    let dtProjsWeight: Tensor  // dt_projs_weight  [4, D, R]
    let dtProjsBias: Tensor  // dt_projs_bias    [4, D]
    let aLogs: Tensor  // A_logs           [4D, N]: A = −exp(A_logs)
    let ds: Tensor  // Ds               [4D]

    init(_ path: ParameterPath, channels D: Int, stateSize N: Int, rank R: Int) {
        xProjWeight = path.parameter("x_proj_weight", [4, R + 2 * N, D], .uniform(bound: 1 / Double(D).squareRoot()))
        dtProjsWeight = path.parameter("dt_projs_weight", [4, D, R], .uniform(bound: 1 / Double(R).squareRoot()))
        dtProjsBias = path.parameter("dt_projs_bias", [4, D], .inverseSoftplusOfLogUniform(low: 0.001, high: 0.1, floor: 1e-4))
        aLogs = path.parameter("A_logs", [4 * D, N], .rows((1...N).map { log(Float($0)) }))
        ds = path.parameter("Ds", [4 * D], .constant(1))
    }

    func callAsFunction(_ x: Tensor) -> Tensor {  // [B, H, W, D] → [B, H, W, D], float32
        VMUNetOperators.ss2d(x, xProjWeight, dtProjsWeight, dtProjsBias, aLogs, ds)
    }
}
