import Torch

/// A stage of the encoder: VSS blocks, then patch merging, except after the last.
struct EncoderStage {
    let blocks: [VSSBlock]  // blocks.j
    let downsample: PatchMerging?  // downsample

    init(_ path: ParameterPath, channels: Int, stateSize: Int, dropRates: [Double], merges: Bool) {
        blocks = dropRates.enumerated().map { j, rate in
            VSSBlock(path / "blocks" / j, channels: channels, stateSize: stateSize, dropRate: rate)
        }
        downsample = merges ? PatchMerging(path / "downsample", channels: channels) : nil
    }

    func callAsFunction(_ input: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
        var x = input
        for block in blocks { x = block(x, mode) }  // [B, H, W, C]
        return downsample?(x, mode) ?? x  // [B, H/2, W/2, 2C], the last stage [B, H, W, C]
    }
}
