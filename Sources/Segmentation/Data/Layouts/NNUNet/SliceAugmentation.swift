import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Varies slices of volumes: turned, magnified and moved a little, in brightness and
/// contrast. They are not mirrored, for a body's two sides and ends are not the same.
struct SliceAugmentation: Sendable, Equatable {
    /// Degrees on either side, uniform.
    var largestAngle = 15.0
    /// As ``Augmentation/zoomJitter``.
    var zoomJitter = 0.0
    /// Contrast is multiplied by 1 ± this, brightness shifted by ± this; of intensities whose
    /// spread is about 1.
    var colorJitter = 0.0
    /// Pixels, as a share of the network's input.
    var largestShift = 0.05

    /// One slice's random changes. Always draws the same count of numbers, so that one
    /// outcome does not change another.
    struct Draw: Sendable {
        var degrees = 0.0
        var zoom = 1.0
        var shift = (row: 0.0, column: 0.0)
        var gain: Float = 1
        var offset: Float = 0
        var patch: PatchChoice?
    }

    func draw(_ random: CounterRandom) -> Draw {
        var random = random
        var draw = Draw()
        draw.degrees = random.uniform(in: -largestAngle..<largestAngle + 1e-9)
        draw.zoom = pow(1 + zoomJitter, 2 * random.uniform() - 1)
        draw.shift = (random.uniform(in: -largestShift..<largestShift + 1e-9), random.uniform(in: -largestShift..<largestShift + 1e-9))
        draw.gain = Float(1 + colorJitter * (2 * random.uniform() - 1))
        draw.offset = Float(colorJitter * (2 * random.uniform() - 1))
        draw.patch = PatchChoice(&random)
        return draw
    }
}

extension Patch {
    /// The patch varied by random numbers.
    func varied(_ draw: SliceAugmentation.Draw) -> Patch {
        var patch = self
        patch.center.row += draw.shift.row * Double(size.height)
        patch.center.column += draw.shift.column * Double(size.width)
        (patch.degrees, patch.zoom) = (draw.degrees, draw.zoom)
        return patch
    }
}
