extension VMUNet {
    /// Visual state space block (section III-C, figure 2b): `x +
    /// DropPath(SS2D-branch(LayerNorm(x)))`.
    struct VSSBlock {
        let norm: LayerNorm  // ln_1
        let branch: Branch  // self_attention in checkpoints, though it has no attention
        let dropRate: Double

        init(_ path: Path, channels C: Int, stateSize: Int, dropRate: Double) {
            norm = LayerNorm(path / "ln_1", channels: C)
            branch = Branch(path / "self_attention", channels: C, stateSize: stateSize)
            self.dropRate = dropRate
        }

        func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
            branch(norm(x, mode), addedTo: x, dropRate: dropRate, mode)
        }
    }

    /// The block's branch; adds its result to the residual stream.
    struct Branch {
        let inProjection: Linear  // in_proj      C → 2D, no bias
        let convolution: DepthwiseConvolution  // conv2d       3×3 over D channels
        let ss2d: SS2D  // x_proj_weight, dt_projs_*, A_logs, Ds
        let outNorm: LayerNorm  // out_norm     D
        let outProjection: Linear  // out_proj     D → C, no bias

        init(_ path: Path, channels C: Int, stateSize N: Int) {
            let sizes = BlockSizes(channels: C, stateSize: N)
            let D = sizes.innerChannels
            inProjection = Linear(path / "in_proj", C, 2 * D)
            convolution = DepthwiseConvolution(path / "conv2d", channels: D)
            ss2d = SS2D(path, sizes)
            outNorm = LayerNorm(path / "out_norm", channels: D)
            outProjection = Linear(path / "out_proj", D, C)
        }

        func callAsFunction(_ h: Tensor, addedTo x: Tensor, dropRate: Double, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
            let (h, z) = inProjection.halves(h)  // [B, H, W, D] each
            let y = ss2d(convolution(h))  // [B, H, W, D], silu after the convolution, four directions summed
            let gated = outNorm.gated(y, by: z)  // LayerNorm(y) · silu(z)
            guard mode.isTraining, dropRate > 0 else {
                return outProjection(gated, addedTo: x)  // [B, H, W, C]
            }
            let scale = Operators.branchScale(rate: dropRate, imagesOf: x)  // [B]: 0 or 1 / (1 − rate)
            return Operators.addBranch(x, outProjection(gated), scale: scale)
        }
    }
}
