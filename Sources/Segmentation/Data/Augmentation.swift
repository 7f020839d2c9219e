import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The variation of a training picture: flips and rotations as published (paper, section IV-B),
/// optionally also in size and colour.
package struct Augmentation: Sendable, Equatable, Codable {
    /// The probability of mirroring left and right.
    package var horizontalFlip = 0.5
    /// The probability of mirroring top and bottom.
    package var verticalFlip = 0.5
    /// The probability of rotating.
    package var rotation = 0.5
    /// Angles are uniform from 0 to this, in degrees.
    package var largestAngle = 360.0
    /// Pictures are magnified by a factor from 1/(1 + this) to 1 + this, uniform in the logarithm;
    /// 0 (published) for none.
    package var zoomJitter = 0.0
    /// Each channel's contrast is multiplied by 1 ± this and its level shifted by ± this · 64 (of
    /// 255); 0 (published) for none.
    package var colorJitter = 0.0

    /// The published probabilities and angles.
    package init() {}

    /// Leaves samples as they are.
    package static var none: Augmentation {
        var none = Augmentation()
        (none.horizontalFlip, none.verticalFlip, none.rotation) = (0, 0, 0)
        return none
    }

    /// The sample varied with these random numbers.
    package func applied(to sample: Sample, _ random: CounterRandom) -> Sample {
        var random = random
        return recolored(place(&random).applied(to: sample), &random)
    }

    /// A patch of a whole picture, chosen and varied with these random numbers: turned and magnified
    /// about its middle, then mirrored.
    func patch(of sample: Sample, labels: PlaneLabels, size: PlaneSize, _ random: CounterRandom) -> Sample {
        var random = random
        var patch = Patch(PatchChoice(&random), of: labels, size: size)
        let placement = place(&random)
        (patch.degrees, patch.zoom) = (placement.degrees, placement.zoom)
        let mirror = Placement(flipsHorizontally: placement.flipsHorizontally, flipsVertically: placement.flipsVertically)
        return recolored(mirror.applied(to: sample.cut(patch)), &random)
    }

    /// The placement for these random numbers.
    package func draw(_ random: CounterRandom) -> Placement {
        var random = random
        return place(&random)
    }

    /// Always draws five numbers, so that one outcome does not change another.
    private func place(_ random: inout CounterRandom) -> Placement {
        var placement = Placement()
        placement.flipsHorizontally = random.chance(horizontalFlip)
        placement.flipsVertically = random.chance(verticalFlip)
        let rotates = random.chance(rotation)
        let angle = largestAngle * random.uniform()
        placement.degrees = rotates ? angle : 0
        placement.zoom = pow(1 + zoomJitter, 2 * random.uniform() - 1)
        return placement
    }

    /// Changes each channel's contrast about its middle, and its level, within 0…255.
    private func recolored(_ sample: Sample, _ random: inout CounterRandom) -> Sample {
        guard colorJitter > 0 else { return sample }
        var sample = sample
        let area = sample.height * sample.width
        for channel in 0..<sample.channels {
            let gain = Float(random.uniform(in: 1 - colorJitter..<1 + colorJitter))
            let offset = 127.5 - gain * 127.5 + Float(random.uniform(in: -colorJitter..<colorJitter)) * 64
            for i in channel * area..<(channel + 1) * area { sample.image[i] = min(255, max(0, sample.image[i] * gain + offset)) }
        }
        return sample
    }
}
