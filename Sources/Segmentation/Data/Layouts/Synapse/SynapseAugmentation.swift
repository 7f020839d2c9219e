import Imaging

/// The variation of Synapse's training slices: a quarter turn and a flip, or else perhaps a small
/// rotation.
package struct SynapseAugmentation: Sendable, Equatable, Codable {
    /// The probability of a random quarter turn followed by a random flip.
    package var turnAndFlip = 0.5
    /// The probability of a rotation if there was no quarter turn.
    package var rotation = 0.5
    /// Rotations are by whole degrees from −this to below this.
    package var largestAngle = 20

    /// The published augmentation.
    package init() {}

    /// Leaves slices as they are.
    package static var none: SynapseAugmentation {
        var none = SynapseAugmentation()
        (none.turnAndFlip, none.rotation) = (0, 0)
        return none
    }

    /// The placement for these numbers. Always draws five, so that one outcome does not change
    /// another.
    package func draw(_ random: CounterRandom) -> SynapsePlacement {
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

/// The placement of one slice.
package enum SynapsePlacement: Sendable, Equatable {
    case unchanged
    /// Quarter turns anticlockwise, then a flip.
    case turned(quarterTurns: Int, flip: Rotate.Axis)
    /// Rotated about the centre, nearest pixel, 0 in the corners.
    case rotated(degrees: Int)

    /// A plane of the slice with this placement, and its size.
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
