import Imaging

/// How training slices of Synapse are varied (SPEC §3): a quarter turn and flip, or else perhaps a small rotation.
public struct SynapseAugmentation: Sendable, Equatable, Codable {
    /// Probability of a random quarter turn followed by a random flip.
    public var turnAndFlip = 0.5
    /// Probability of a rotation where there was no turn.
    public var rotation = 0.5
    /// Rotations are by whole degrees from −this to below this.
    public var largestAngle = 20

    public init() {}

    /// What these numbers give; five are drawn whatever comes out, so that one does not change another.
    public func draw(_ random: CounterRandom) -> SynapsePlacement {
        var random = random
        let turns = random.chance(turnAndFlip)
        let quarterTurns = random.integer(below: 4)
        let axis: Rotate.Axis = random.integer(below: 2) == 0 ? .rows : .columns
        let rotates = random.chance(rotation)
        let angle = random.integer(below: max(1, 2 * largestAngle)) - largestAngle
        if turns { return .turned(quarterTurns: quarterTurns, flip: axis) }
        return rotates && largestAngle > 0 ? .rotated(degrees: angle) : .unchanged
    }
}

/// How one slice is placed.
public enum SynapsePlacement: Sendable, Equatable {
    case unchanged
    /// Counter-clockwise quarter turns, then a flip.
    case turned(quarterTurns: Int, flip: Rotate.Axis)
    /// About the centre, nearest pixel, 0 in the corners.
    case rotated(degrees: Int)

    /// A plane of the slice placed so, and its size.
    func applied<Value: ExpressibleByIntegerLiteral>(to plane: [Value], size: PlaneSize) -> (plane: [Value], size: PlaneSize) {
        switch self {
        case .unchanged: return (plane, size)
        case .turned(let turns, let axis):
            let turned = Rotate.quarterTurns(plane, size: size, turns: turns)
            return (Rotate.flipped(turned.plane, size: turned.size, axis: axis), turned.size)
        case .rotated(let degrees): return (Rotate.nearest(plane, size: size, degrees: degrees, outside: 0), size)
        }
    }
}
