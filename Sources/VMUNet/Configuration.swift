/// The shape of a VM-UNet: one struct, one truth; every derived size is a property.
public struct VMUNetConfiguration: Codable, Sendable, Hashable {
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

    /// Each has the published network's value where it is not given.
    public init(
        classes: Int = 1, dims: [Int] = [96, 192, 384, 768], depths: [Int] = [2, 2, 2, 2], decoderDepths: [Int] = [2, 2, 2, 1],
        stateSize: Int = 16, dropPath: Double = 0.2
    ) {
        self.classes = classes
        self.dims = dims
        self.depths = depths
        self.decoderDepths = decoderDepths
        self.stateSize = stateSize
        self.dropPath = dropPath
    }

    /// The paper's network.
    public static let base = VMUNetConfiguration()
    /// Half the channels: about a quarter of the work.
    public static let small = VMUNetConfiguration(dims: [48, 96, 192, 384])
    /// A quarter of the channels.
    public static let tiny = VMUNetConfiguration(dims: [24, 48, 96, 192])

    /// The presets by the names that the command line knows.
    public static let presets: [String: VMUNetConfiguration] = ["base": base, "small": small, "tiny": tiny]

    /// The preset of these sizes, whatever its class count and drop path.
    public var presetName: String? {
        Self.presets.first {
            $0.value.dims == dims && $0.value.depths == depths && $0.value.decoderDepths == decoderDepths && $0.value.stateSize == stateSize
        }?.key
    }

    /// Stochastic depth's rate for each block of each encoder stage: linearly from 0 to ``dropPath`` over all of them.
    public var encoderDropRates: [[Double]] { Self.split(Self.linear(from: 0, to: dropPath, count: depths.reduce(0, +)), by: depths) }

    /// The same for the decoder: linearly from ``dropPath`` to 0.
    public var decoderDropRates: [[Double]] {
        Self.split(Self.linear(from: dropPath, to: 0, count: decoderDepths.reduce(0, +)), by: decoderDepths)
    }

    /// What is wrong with these sizes, if anything: expected and got.
    public func validate() throws(ConfigurationError) {
        func require(_ holds: Bool, _ what: String, _ expected: String, _ got: Any) throws(ConfigurationError) {
            if !holds { throw ConfigurationError(what: what, expected: expected, got: "\(got)") }
        }
        try require((1...65535).contains(classes), "classes", "1 to 65535", classes)
        try require((1...256).contains(stateSize), "state size", "1 to 256", stateSize)
        try require((0..<1).contains(dropPath), "drop path", "at least 0, less than 1", dropPath)
        for (name, values) in [("dims", dims), ("depths", depths), ("decoder depths", decoderDepths)] {
            try require(values.count == 4, name, "four numbers", values)
        }
        try require(depths.allSatisfy { (1...1000).contains($0) }, "depths", "1 to 1000 each", depths)
        try require(decoderDepths.allSatisfy { (1...1000).contains($0) }, "decoder depths", "1 to 1000 each", decoderDepths)
        try require((4...16384).contains(dims[0]) && dims[0].isMultiple(of: 4), "dims", "a first of 4 to 16384, a multiple of 4", dims)
        for i in 1..<4 { try require(dims[i] == 2 * dims[i - 1], "dims", "each twice the one before", dims) }
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

/// A configuration that describes no network.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    public let what: String
    public let expected: String
    public let got: String

    public init(what: String, expected: String, got: String) {
        self.what = what
        self.expected = expected
        self.got = got
    }

    public var description: String { "\(what): expected \(expected), got \(got)" }
}
