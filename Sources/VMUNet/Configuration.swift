/// The sizes of a VM-UNet. Derived sizes are properties.
public struct VMUNetConfiguration: Sendable, Hashable {
    /// Classes of the segmentation; 1 is foreground against background.
    public var classes: Int
    /// Channels C of the four encoder stages.
    public var dims: [Int]
    /// VSS blocks of the four encoder stages.
    public var depths: [Int]
    /// VSS blocks of the four decoder stages, deepest first.
    public var decoderDepths: [Int]
    /// States N of each channel of the selective scan.
    public var stateSize: Int
    /// The highest rate of stochastic depth (Table IV's "dropout value").
    public var dropPath: Double
    /// Channels of the network's input; one-channel pictures are repeated to three if it is 3.
    public var inputChannels: Int

    /// Defaults are the published network's values.
    public init(
        classes: Int = 1, dims: [Int] = [96, 192, 384, 768], depths: [Int] = [2, 2, 2, 2], decoderDepths: [Int] = [2, 2, 2, 1],
        stateSize: Int = 16, dropPath: Double = 0.2, inputChannels: Int = 3
    ) {
        self.classes = classes
        self.dims = dims
        self.depths = depths
        self.decoderDepths = decoderDepths
        self.stateSize = stateSize
        self.dropPath = dropPath
        self.inputChannels = inputChannels
    }

    /// Sizes inside the VSS blocks of encoder stage i, and of decoder stage 3 − i.
    public func blockSizes(stage i: Int) -> BlockSizes { BlockSizes(channels: dims[i], stateSize: stateSize) }

    /// The paper's network.
    public static let base = VMUNetConfiguration()
    /// Half the channels: about a quarter of the work.
    public static let small = VMUNetConfiguration(dims: [48, 96, 192, 384])
    /// A quarter of the channels.
    public static let tiny = VMUNetConfiguration(dims: [24, 48, 96, 192])

    /// Stochastic depth's rate for each block of each encoder stage, rising linearly from 0 to
    /// ``dropPath`` over all blocks.
    public var encoderDropRates: [[Double]] { Self.split(Self.linear(from: 0, to: dropPath, count: depths.reduce(0, +)), by: depths) }

    /// The decoder's rates, falling linearly from ``dropPath`` to 0.
    public var decoderDropRates: [[Double]] {
        Self.split(Self.linear(from: dropPath, to: 0, count: decoderDepths.reduce(0, +)), by: decoderDepths)
    }

    /// The most VSS blocks that a stage may have.
    static let depthLimit = 1000

    /// Throws ``ConfigurationError`` if no network has these sizes.
    public func validate() throws(ConfigurationError) {
        func require(
            _ holds: Bool, _ what: String, _ expected: String, _ got: @autoclosure () -> String
        ) throws(ConfigurationError) {
            if !holds { throw ConfigurationError(what: what, expected: expected, got: got()) }
        }
        try require((1...65535).contains(classes), "classes", "1 to 65535", String(classes))
        try require((1...256).contains(stateSize), "state size", "1 to 256", String(stateSize))
        try require((1...16).contains(inputChannels), "input channels", "1 to 16", String(inputChannels))
        try require((0..<1).contains(dropPath), "drop path", "at least 0, less than 1", dropPath.description)
        try require(dims.count == 4, "dims", "four numbers", bracketed(dims))
        try require(depths.count == 4, "depths", "four numbers", bracketed(depths))
        try require(decoderDepths.count == 4, "decoder depths", "four numbers", bracketed(decoderDepths))
        let depthRange = 1...Self.depthLimit
        try require(depths.allSatisfy { depthRange.contains($0) }, "depths", "1 to \(Self.depthLimit) each", bracketed(depths))
        try require(
            decoderDepths.allSatisfy { depthRange.contains($0) }, "decoder depths", "1 to \(Self.depthLimit) each",
            bracketed(decoderDepths))
        try require(
            (4...16384).contains(dims[0]) && dims[0].isMultiple(of: 4), "dims", "a first value from 4 to 16384, a multiple of 4",
            bracketed(dims))
        for i in 1..<4 { try require(dims[i] == 2 * dims[i - 1], "dims", "each value twice the one before", bracketed(dims)) }
    }

    private static func linear(from first: Double, to last: Double, count: Int) -> [Double] {
        (0..<count).map { i in
            let share = count == 1 ? 0 : Double(i) / Double(count - 1)
            return first * (1 - share) + last * share  // exact at both ends
        }
    }

    private static func split(_ values: [Double], by counts: [Int]) -> [[Double]] {
        var rest = values[...]
        return counts.map { count in
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }
}

/// Sizes that no network can have.
public struct ConfigurationError: Error, Sendable {
    /// The faulty size.
    public let what: String
    /// The values that make sense.
    public let expected: String
    /// The value given.
    public let got: String

    /// An error about one size.
    public init(what: String, expected: String, got: String) {
        self.what = what
        self.expected = expected
        self.got = got
    }

    /// The size, with the expected and the given value.
    public var description: String { "\(what): expected \(expected), got \(got)" }
}

#if !hasFeature(Embedded)
    extension VMUNetConfiguration {
        /// Sizes with a name.
        public enum Preset: String, Sendable, CaseIterable {
            /// The paper's, half its channels, a quarter of them.
            case base, small, tiny

            /// The sizes; one class.
            public var sizes: VMUNetConfiguration {
                switch self {
                case .base: .base
                case .small: .small
                case .tiny: .tiny
                }
            }
        }

        /// The preset with these sizes, regardless of class count and drop path; nil if there is
        /// none.
        public var preset: Preset? {
            Preset.allCases.first { preset in
                let sizes = preset.sizes
                return sizes.dims == dims && sizes.depths == depths && sizes.decoderDepths == decoderDepths
                    && sizes.stateSize == stateSize
            }
        }
    }

    extension VMUNetConfiguration: Codable {
        private enum CodingKeys: String, CodingKey {
            case classes, dims, depths, decoderDepths = "decoder_depths", stateSize = "state_size", dropPath = "drop_path"
            case inputChannels = "input_channels"
        }

        /// Reads a configuration; files without `input_channels` have three.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init(
                classes: try values.decode(Int.self, forKey: .classes), dims: try values.decode([Int].self, forKey: .dims),
                depths: try values.decode([Int].self, forKey: .depths),
                decoderDepths: try values.decode([Int].self, forKey: .decoderDepths),
                stateSize: try values.decode(Int.self, forKey: .stateSize),
                dropPath: try values.decode(Double.self, forKey: .dropPath),
                // Older files have no such key and mean three channels.
                inputChannels: try values.decodeIfPresent(Int.self, forKey: .inputChannels) ?? 3)
        }
    }
#endif
