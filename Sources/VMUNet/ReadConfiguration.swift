extension VMUNetConfiguration {
    /// The error's `got` if a key is missing.
    package static let noSuchKey = "none of that name"

    /// Reads the architecture off a checkpoint's keys and shapes: depths, channels, states, classes
    /// and input channels. Drop path keeps its default.
    ///
    /// - Parameter shape: returns a key's tensor shape, or nil if there is no such key.
    ///
    /// Throws if a key that decides the architecture is missing or has an impossible shape. Other
    /// keys are not checked here; building the network from the weights checks them all.
    public init(readFrom shape: (_ key: String) -> [Int]?) throws(ConfigurationError) {
        func shaped(_ key: String, rank: Int) throws(ConfigurationError) -> [Int] {
            guard let found = shape(key) else {
                throw ConfigurationError(what: "weights of a VM-UNet", expected: "the key \(key)", got: Self.noSuchKey)
            }
            guard found.count == rank else {
                throw ConfigurationError(what: key, expected: "\(rank) axes", got: bracketed(found))
            }
            return found
        }
        /// Counts blocks up to one more than the limit.
        func blocks(_ stage: String) -> Int {
            var count = 0
            while count <= Self.depthLimit, shape("\(stage).blocks.\(count).ln_1.weight") != nil { count += 1 }
            return count
        }
        var (dims, depths, decoderDepths) = ([Int](), [Int](), [Int]())
        for i in 0..<4 {
            dims.append(try shaped("vmunet.layers.\(i).blocks.0.ln_1.weight", rank: 1)[0])
            depths.append(blocks("vmunet.layers.\(i)"))
            decoderDepths.append(blocks("vmunet.layers_up.\(i)"))
        }
        self.init(
            classes: try shaped("vmunet.final_conv.weight", rank: 4)[0], dims: dims, depths: depths, decoderDepths: decoderDepths,
            stateSize: try shaped("vmunet.layers.0.blocks.0.self_attention.A_logs", rank: 2)[1],
            inputChannels: try shaped("vmunet.patch_embed.proj.weight", rank: 4)[1])
        try validate()
    }
}
