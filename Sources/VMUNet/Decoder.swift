import Torch

/// A stage of the decoder: the skip is added and the map expanded, except before the first; then VSS blocks.
struct DecoderStage {
    let upsample: PatchExpanding?  // upsample
    let blocks: [VSSBlock]  // blocks.j

    /// `channels` are those of the blocks, after expanding.
    init(_ path: ParameterPath, channels: Int, stateSize: Int, dropRates: [Double], expands: Bool) {
        blocks = dropRates.enumerated().map { j, rate in
            VSSBlock(path / "blocks" / j, channels: channels, stateSize: stateSize, dropRate: rate)
        }
        upsample = expands ? PatchExpanding(path / "upsample", channels: 2 * channels) : nil
    }

    /// `skip` is the input of the encoder stage of the same size as this stage's input.
    func callAsFunction(_ input: Tensor, skip: Tensor?, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        var x = input
        if let skip { x = VMUNetOperators.addBranch(x, skip) }
        if let upsample { x = upsample(x, mode) }  // [B, 2H, 2W, C/2]
        for block in blocks { x = block(x, mode) }
        return x
    }
}
