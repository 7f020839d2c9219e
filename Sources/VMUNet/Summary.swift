/// A network's parameters and multiply-adds, module by module (Table V).
public struct VMUNetSummary: Sendable {
    /// One module of the network.
    public struct Module: Sendable {
        /// The module's prefix in checkpoint keys.
        public let name: String
        /// Its output's shape: height, width, channels.
        public let output: [Int]
        /// Trained values.
        public let parameters: Int
        /// Table V's count: multiply-adds of Linear and convolution layers, and four operations for
        /// each value that a LayerNorm normalises.
        public let paperFLOPs: Int
        /// All multiply-adds, including the x and dt projections and the scan.
        public let flops: Int
    }

    /// The modules, in the order of execution.
    public let modules: [Module]
    /// Trained values of all modules.
    public var parameters: Int { modules.reduce(0) { $0 + $1.parameters } }
    /// Table V's count: Linear, convolution and LayerNorm layers, without SS2D's projections and
    /// scan.
    public var paperFLOPs: Int { modules.reduce(0) { $0 + $1.paperFLOPs } }
    /// All multiply-adds.
    public var flops: Int { modules.reduce(0) { $0 + $1.flops } }

    /// The tool that the paper counted with counts subtraction, division, scaling and shift of a
    /// normalised value as one operation each.
    private static let normFLOPs = 4

    /// Sizes for one image of `height`×`width`, both multiples of 32.
    public init(_ configuration: VMUNetConfiguration, height: Int, width: Int) {
        let dims = configuration.dims
        var modules: [Module] = []
        var (H, W) = (height / 4, width / 4)
        func add(_ name: String, _ channels: Int, parameters: Int, paper: Int, more: Int = 0) {
            modules.append(Module(name: name, output: [H, W, channels], parameters: parameters, paperFLOPs: paper, flops: paper + more))
        }
        func addBlock(_ name: String, _ sizes: BlockSizes) {
            let (C, D, N, R, L) = (sizes.channels, sizes.innerChannels, sizes.stateSize, sizes.dtRank, H * W)
            let linear = 2 * D * C + D * C
            let norms = Self.normFLOPs * (C + D)
            let projections = 4 * D * (R + 2 * N) + 4 * D * R
            // A scan update is three multiply-adds: one each for the state, its input and the
            // output.
            let scan = 3 * 4 * D * N
            add(
                name, C, parameters: 2 * C + linear + 10 * D + projections + 4 * D + 4 * D * N + 4 * D + 2 * D,
                paper: L * (linear + 9 * D + norms), more: L * (projections + scan))
        }

        let patch = 16 * configuration.inputChannels
        add("patch_embed", dims[0], parameters: (patch + 1) * dims[0] + 2 * dims[0], paper: H * W * (patch + Self.normFLOPs) * dims[0])
        for i in 0..<4 {
            for j in 0..<configuration.depths[i] { addBlock("layers.\(i).blocks.\(j)", configuration.blockSizes(stage: i)) }
            if i < 3 {
                let C = dims[i]
                (H, W) = (H / 2, W / 2)
                add("layers.\(i).downsample", 2 * C, parameters: 8 * C * C + 8 * C, paper: H * W * (8 * C * C + Self.normFLOPs * 4 * C))
            }
        }
        for i in 0..<4 {
            let C = dims[3 - i]
            if i > 0 {
                let tokens = H * W
                (H, W) = (H * 2, W * 2)
                add("layers_up.\(i).upsample", C, parameters: 8 * C * C + 2 * C, paper: tokens * 8 * C * C + H * W * Self.normFLOPs * C)
            }
            for j in 0..<configuration.decoderDepths[i] { addBlock("layers_up.\(i).blocks.\(j)", configuration.blockSizes(stage: 3 - i)) }
        }
        let (C, tokens) = (dims[0], H * W)
        (H, W) = (H * 4, W * 4)
        add("final_up", C / 4, parameters: 4 * C * C + C / 2, paper: tokens * 4 * C * C + H * W * Self.normFLOPs * (C / 4))
        add(
            "final_conv", configuration.classes, parameters: configuration.classes * (C / 4 + 1),
            paper: H * W * configuration.classes * (C / 4))
        self.modules = modules
    }
}

#if !hasFeature(Embedded)
    extension VMUNetSummary: Codable {}
    extension VMUNetSummary.Module: Codable {
        private enum CodingKeys: String, CodingKey {
            case name, output, parameters, paperFLOPs = "flops_paper", flops
        }
    }
#endif
