/// The directions in which a volume's axes increase, in NIfTI's letters for columns, rows and
/// slices: `RAS` is right, anterior, superior.
public struct VoxelOrder: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Three of R, L, A, P, S, I; one of each pair.
    public let description: String

    /// Nil unless the text has one letter of each of the pairs RL, AP, SI; lower case is accepted.
    public init?(_ letters: String) {
        let letters = letters.uppercased()
        guard letters.count == 3, Set(letters.map(Self.axis)) == [0, 1, 2] else { return nil }
        description = letters
    }

    /// The world axis of a letter: 0 left-right, 1 front-back, 2 up-down; nil for other letters.
    private static func axis(_ letter: Character) -> Int? { ["RL", "AP", "SI"].firstIndex { $0.contains(letter) } }

    /// Written and read as three letters.
    public init(from decoder: any Decoder) throws {
        let letters = try decoder.singleValueContainer().decode(String.self)
        guard let order = VoxelOrder(letters) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no voxel order"))
        }
        self = order
    }

    /// Written and read as three letters.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The turn from this order to another.
    public func turn(to other: VoxelOrder) -> VolumeTurn {
        let (mine, theirs) = (Array(description), Array(other.description))
        var (sources, flips) = ([Int](), [Bool]())
        for letter in theirs {
            let source = mine.firstIndex { Self.axis($0) == Self.axis(letter) } ?? 0
            sources.append(source)
            flips.append(mine[source] != letter)
        }
        return VolumeTurn(sources: sources, flips: flips)
    }
}

/// Swapped and reversed axes: the same voxels in another order.
public struct VolumeTurn: Sendable, Equatable {
    /// Nothing moves.
    public static let none = VolumeTurn(sources: [0, 1, 2], flips: [false, false, false])

    /// Moves an array's axis across slices, 1 to 3, to the front; the others keep their order.
    public static func slicesFirst(axis: Int) -> VolumeTurn {
        precondition((1...3).contains(axis), "an array's axes are 1 to 3, got \(axis)")
        let rest = [0, 1, 2].filter { $0 != 3 - axis }
        return VolumeTurn(sources: [rest[0], rest[1], 3 - axis], flips: [false, false, false])
    }

    /// The source axis of the turned volume's columns, rows and slices (0, 1, 2).
    let sources: [Int]
    /// True if that axis is reversed.
    let flips: [Bool]

    /// True if nothing moves.
    public var isIdentity: Bool { sources == [0, 1, 2] && !flips.contains(true) }

    /// The turn that undoes this one.
    public var inverse: VolumeTurn {
        var (back, reversed) = ([0, 0, 0], [false, false, false])
        for (axis, source) in sources.enumerated() { (back[source], reversed[source]) = (axis, flips[axis]) }
        return VolumeTurn(sources: back, flips: reversed)
    }

    /// The extents of the turned volume.
    public func applied(to shape: VolumeShape) -> VolumeShape {
        let extents = [shape.width, shape.height, shape.depth]
        return VolumeShape(depth: extents[sources[2]], height: extents[sources[1]], width: extents[sources[0]])
    }

    /// The spacing of the turned volume.
    public func applied(to spacing: VoxelSpacing) -> VoxelSpacing {
        let extents = [spacing.width, spacing.height, spacing.depth]
        return VoxelSpacing(depth: extents[sources[2]], height: extents[sources[1]], width: extents[sources[0]])
    }

    /// The places of a turned volume's voxels in a volume of this shape: the index of the first,
    /// and the steps between columns, rows and slices.
    func places(in shape: VolumeShape) -> (start: Int, column: Int, row: Int, slice: Int) {
        let extents = [shape.width, shape.height, shape.depth], steps = [1, shape.width, shape.width * shape.height]
        // A reversed axis is read from its end.
        let step = (0..<3).map { flips[$0] ? -steps[sources[$0]] : steps[sources[$0]] }
        let start = (0..<3).reduce(0) { $0 + (flips[$1] ? (extents[sources[$1]] - 1) * steps[sources[$1]] : 0) }
        return (start, step[0], step[1], step[2])
    }

    /// The turned voxels, (slices, rows, columns). Their number must match the shape.
    public func applied<Value>(to voxels: [Value], _ shape: VolumeShape) -> [Value] {
        precondition(voxels.count == shape.count, "a turn: expected \(shape.count) voxels, got \(voxels.count)")
        guard !isIdentity, !voxels.isEmpty else { return voxels }
        let (turned, places) = (applied(to: shape), places(in: shape))
        return [Value](unsafeUninitializedCapacity: voxels.count) { out, count in
            voxels.withUnsafeBufferPointer { voxels in
                var place = 0
                for z in 0..<turned.depth {
                    for y in 0..<turned.height {
                        var source = places.start + z * places.slice + y * places.row
                        for _ in 0..<turned.width {
                            (out.baseAddress! + place).initialize(to: voxels[source])
                            place += 1
                            source += places.column
                        }
                    }
                }
            }
            count = voxels.count
        }
    }
}
