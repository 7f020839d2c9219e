import Torch
import VMUNet

extension NetworkKind {
    /// UltraLight VM-UNet (Wu et al., 2024), under its published keys.
    static let ultralightVMUNet = sixStages(
        "ultralight-vm-unet", title: "UltraLight VM-UNet", of: ParallelMamba.self, marker: "encoder4.0.mamba.A_log")
}

/// UltraLight VM-UNet: Mamba on quarters of the channels, in six stages, 0.05 million parameters.
typealias UltraLightVMUNet = SixStageUNet<ParallelMamba>

/// The paper's PVM layer: the same Mamba on each quarter of the channels, with a scaled skip, then
/// a Linear across all channels.
struct ParallelMamba: SixStageUNetStage {
    let skipScale: Tensor  // 0.skip_scale [1]
    let norm: LayerNorm  // 0.norm, before and after
    let mamba: Mamba  // 0.mamba, the same for all quarters
    let projection: Linear  // 0.proj

    init(_ path: TorchPath, _ inputs: Int, _ outputs: Int, isDecoder: Bool) {
        let path = path / 0
        skipScale = path.parameter("skip_scale", [1], .constant(1))
        norm = LayerNorm(path / "norm", channels: inputs)
        mamba = Mamba(path / "mamba", channels: inputs / 4)
        projection = Linear(path / "proj", inputs, outputs)
    }

    func callAsFunction(_ x: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, inputs, H, W]
        let (B, H, W) = (x.size(0), x.size(2), x.size(3))
        let tokens = norm(x.reshaped([B, x.size(1), H * W]).transposed(1, 2))  // [B, HW, inputs]
        // Treat the quarters as more images of the batch.
        let quarters = Tensor.concatenated(tokens.parts(4, axis: 2), axis: 0)  // [4B, HW, inputs / 4]
        let mixed = mamba(quarters, mode) + skipScale * quarters
        let y = projection(norm(.concatenated(mixed.parts(4, axis: 0), axis: 2)), mode.precision)  // [B, HW, outputs]
        return y.transposed(1, 2).reshaped([B, y.size(2), H, W])
    }
}
