extension VMUNet {
    /// A decoder stage: adds the skip and expands the map (not in the first stage), then applies
    /// its VSS blocks.
    struct DecoderStage {
        let name: String  // layers_up.i
        let blocks: [VSSBlock]  // blocks.j
        let upsample: PatchExpanding?  // upsample

        /// `channels` is the blocks' width, after expanding.
        init(_ network: Path, _ i: Int, channels: Int, stateSize: Int, dropRates: [Double], expands: Bool) {
            name = "layers_up.\(i)"
            let path = network / "layers_up" / i
            blocks = dropRates.enumerated().map { j, rate in
                VSSBlock(path / "blocks" / j, channels: channels, stateSize: stateSize, dropRate: rate)
            }
            upsample = expands ? PatchExpanding(path / "upsample", channels: 2 * channels) : nil
        }

        /// `skip` is the input of the encoder stage whose input has the same size as this one's.
        func callAsFunction(_ input: Tensor, skip: Tensor?, _ mode: ForwardMode) -> Tensor {  // [B, H, W, C]
            var x = input
            if let skip { x = Operators.addBranch(x, skip, scale: nil) }
            if let upsample { x = Operators.module("\(name).upsample") { upsample(x, mode) } }  // [B, 2H, 2W, C/2]
            for (j, block) in blocks.enumerated() {
                x = Operators.module("\(name).blocks.\(j)") { block(x, mode) }
            }
            return x
        }
    }
}
