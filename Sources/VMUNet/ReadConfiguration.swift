import TensorFiles

extension VMUNetConfiguration {
    /// The architecture that a checkpoint's keys and shapes say: depths, channels, states and classes; drop path is the default.
    ///
    /// Throws ``ConfigurationError`` when a key that decides it is missing or has an impossible shape. The keys that decide nothing are not
    /// looked at here: building the network from the weights checks them all.
    public init(readFrom weights: StateDictionary) throws {
        func shape(_ key: String, rank: Int) throws -> [Int] {
            guard let tensor = weights[key] else {
                throw ConfigurationError(what: "weights of a VM-UNet", expected: "the key \(key)", got: Self.describe(weights))
            }
            guard tensor.shape.count == rank else { throw ConfigurationError(what: key, expected: "\(rank) axes", got: "\(tensor.shape)") }
            return tensor.shape
        }
        func blocks(_ prefix: String) -> Int {
            var count = 0
            while weights["\(prefix).blocks.\(count).ln_1.weight"] != nil { count += 1 }
            return count
        }
        let dims = try (0..<4).map { try shape("vmunet.layers.\($0).blocks.0.ln_1.weight", rank: 1)[0] }
        self.init(
            classes: try shape("vmunet.final_conv.weight", rank: 4)[0],
            dims: dims,
            depths: (0..<4).map { blocks("vmunet.layers.\($0)") },
            decoderDepths: (0..<4).map { blocks("vmunet.layers_up.\($0)") },
            stateSize: try shape("vmunet.layers.0.blocks.0.self_attention.A_logs", rank: 2)[1])
        try validate()
    }

    private static func describe(_ weights: StateDictionary) -> String {
        let keys = weights.keys
        return keys.isEmpty ? "no tensors at all" : "\(keys.count) others, the first \(keys[0].prefix(80))"
    }
}
