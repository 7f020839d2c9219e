extension VMUNet {
    /// An encoder stage: VSS blocks, then patch merging (not in the last stage).
    struct EncoderStage {
        let name: String  // layers.i
        let blocks: [VSSBlock]  // blocks.j
        let downsample: PatchMerging?  // downsample

        init(_ network: Path, _ i: Int, channels: Int, stateSize: Int, dropRates: [Double], merges: Bool) {
            name = "layers.\(i)"
            let path = network / "layers" / i
            blocks = dropRates.enumerated().map { j, rate in
                VSSBlock(path / "blocks" / j, channels: channels, stateSize: stateSize, dropRate: rate)
            }
            downsample = merges ? PatchMerging(path / "downsample", channels: channels) : nil
        }

        func callAsFunction(_ input: Tensor, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
            var x = input
            for (j, block) in blocks.enumerated() {
                x = Operators.module("\(name).blocks.\(j)") { block(x, mode) }  // [B, H, W, C]
            }
            guard let downsample else { return x }
            return Operators.module("\(name).downsample") { downsample(x, mode) }  // [B, H/2, W/2, 2C]
        }
    }
}
