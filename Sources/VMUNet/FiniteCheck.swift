import Torch

extension VMUNet {
    /// The first module, by its checkpoint key, whose output for these images has a value that is NaN or infinite; nil if all are finite.
    ///
    /// Runs the network once more, without stochastic depth: for the message after a loss went wrong, not for every step.
    public func firstNonFiniteLayer(_ images: Tensor, _ mode: ForwardMode) -> String? {
        var mode = mode
        mode.isTraining = false
        let found = try? withTorchErrors { () -> String? in
            withoutGradients {
                var culprit: String?
                func checked(_ name: @autoclosure () -> String, _ x: Tensor) -> Tensor {
                    if culprit == nil, !x.isFinite { culprit = name() }
                    return x
                }
                var x = checked("patch_embed", patchEmbedding(checked("the pictures themselves", images)))
                var inputs: [Tensor] = []
                for (i, stage) in encoder.enumerated() {
                    inputs.append(x)
                    for (j, block) in stage.blocks.enumerated() { x = checked("layers.\(i).blocks.\(j)", block(x, mode)) }
                    if let downsample = stage.downsample { x = checked("layers.\(i).downsample", downsample(x, mode)) }
                }
                for (i, stage) in decoder.enumerated() {
                    if i > 0 { x = VMUNetOperators.addBranch(x, inputs[4 - i]) }
                    if let upsample = stage.upsample { x = checked("layers_up.\(i).upsample", upsample(x, mode)) }
                    for (j, block) in stage.blocks.enumerated() { x = checked("layers_up.\(i).blocks.\(j)", block(x, mode)) }
                }
                _ = checked("final_conv", finalProjection(x))
                return culprit
            }
        }
        return found ?? nil
    }
}
