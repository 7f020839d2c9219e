extension VMUNet {
    /// 2D selective scan (section III-C, figure 3): a state space model whose Δ, B and C depend on
    /// the input reads the map in four orders; the four results are put back in place and summed.
    struct SS2D {
        let parameters: SS2DParameters<Parameter>

        init(_ path: Path, _ sizes: BlockSizes) {
            let (D, N, R) = (sizes.innerChannels, sizes.stateSize, sizes.dtRank)
            parameters = SS2DParameters(
                xProjWeight: path.matrix("x_proj_weight", [4, R + 2 * N, D], groups: 4, .uniform(bound: 1 / Double(D).squareRoot())),
                dtProjsWeight: path.parameter("dt_projs_weight", [4, D, R], .uniform(bound: 1 / Double(R).squareRoot())),
                dtProjsBias: path.parameter(
                    "dt_projs_bias", [4, D], .inverseSoftplusOfLogUniform(low: 0.001, high: 0.1, floor: 1e-4)),
                aLogs: path.parameter("A_logs", [4 * D, N], .logarithms),
                ds: path.parameter("Ds", [4 * D], .constant(1)))
        }

        func callAsFunction(_ x: Tensor) -> Tensor {  // [B, H, W, D] → [B, H, W, D], float32
            Operators.ss2d(x, parameters)
        }
    }
}

/// Sizes inside a VSS block of C channels.
public struct BlockSizes: Sendable, Hashable {
    /// C, the channels of the residual stream.
    public let channels: Int
    /// N, the states of each channel of the scan.
    public let stateSize: Int

    /// The sizes of a block of that many channels.
    public init(channels: Int, stateSize: Int) {
        self.channels = channels
        self.stateSize = stateSize
    }

    /// D = 2C: the channels of the block's branch.
    public var innerChannels: Int { 2 * channels }
    /// R = ⌈C / 16⌉: the width of δ, which is projected to the scan's steps.
    public var dtRank: Int { (channels + 15) / 16 }
}
