import Foundation
import Imaging

/// How often a training picture is turned over and turned round (paper, section IV-B).
public struct Augmentation: Sendable, Equatable, Codable {
    /// Probability of mirroring left and right.
    public var horizontalFlip = 0.5
    /// Probability of mirroring top and bottom.
    public var verticalFlip = 0.5
    /// Probability of rotating.
    public var rotation = 0.5
    /// Angles are drawn uniformly from 0 to this, in degrees.
    public var largestAngle = 360.0

    /// The published probabilities and angles.
    public init() {}

    /// The placement that these numbers give; four numbers are drawn whatever comes out, so that one does not change another.
    public func draw(_ random: CounterRandom) -> Placement {
        var random = random
        var placement = Placement()
        placement.flipsHorizontally = random.chance(horizontalFlip)
        placement.flipsVertically = random.chance(verticalFlip)
        let rotates = random.chance(rotation)
        let angle = largestAngle * random.uniform()
        placement.degrees = rotates ? angle : 0
        return placement
    }
}

/// Mirroring left and right, then top and bottom, then a rotation about the centre.
///
/// The rotation is the published one (torchvision's `rotate`): counter-clockwise, nearest pixel for picture and mask alike, 0 where there was no picture, same
/// size. All three are done in one visit to each pixel.
public struct Placement: Sendable, Equatable {
    /// Mirror left and right.
    public var flipsHorizontally = false
    /// Mirror top and bottom.
    public var flipsVertically = false
    /// Counter-clockwise; 0 for none.
    public var degrees = 0.0

    /// Nothing is moved unless said.
    public init(flipsHorizontally: Bool = false, flipsVertically: Bool = false, degrees: Double = 0) {
        self.flipsHorizontally = flipsHorizontally
        self.flipsVertically = flipsVertically
        self.degrees = degrees
    }

    /// The sample's picture and target, placed alike.
    public func applied(to sample: Sample) -> Sample {
        guard self != Placement() else { return sample }
        let sources = sources(height: sample.height, width: sample.width)
        var placed = sample
        placed.image = Self.gather(sample.image, sources)
        switch sample.target {
        case .binary(let plane): placed.target = .binary(Self.gather(plane, sources))
        case .labels(let plane): placed.target = .labels(Self.gather(plane, sources))
        }
        return placed
    }

    /// For each pixel the position that it is taken from, −1 for none.
    func sources(height: Int, width: Int) -> [Int32] {
        let radians = degrees * .pi / 180
        let (cosine, sine) = (Float(cos(radians)), Float(sin(radians)))
        let (centreX, centreY) = (Float(width - 1) / 2, Float(height - 1) / 2)
        let (lastX, lastY, stride) = (Int32(width - 1), Int32(height - 1), Int32(width))
        return [Int32](unsafeUninitializedCapacity: height * width) { out, count in
            var position = 0
            for row in 0..<height {
                let y = Float(row) - centreY
                let (startX, startY) = (centreX - sine * y, centreY + cosine * y)
                for column in 0..<width {
                    let x = Float(column) - centreX
                    var sourceX = Self.rounded(startX + cosine * x)
                    var sourceY = Self.rounded(startY + sine * x)
                    let isInside = sourceX >= 0 && sourceX <= lastX && sourceY >= 0 && sourceY <= lastY
                    if flipsHorizontally { sourceX = lastX &- sourceX }
                    if flipsVertically { sourceY = lastY &- sourceY }
                    out[position] = isInside ? sourceY &* stride &+ sourceX : -1
                    position += 1
                }
            }
            count = height * width
        }
    }

    /// To the nearest whole number, halves to even, of |value| < 2²²: adding 1.5 · 2²³ leaves no bits for a fraction. Unlike `rounded()` it is done eight at a time.
    @inline(__always)
    private static func rounded(_ value: Float) -> Int32 {
        Int32(bitPattern: (value + 12_582_912).bitPattern) &- Int32(bitPattern: Float(12_582_912).bitPattern)
    }

    /// Each plane's values at the sources, 0 where there is none.
    private static func gather<Value: ExpressibleByIntegerLiteral>(_ values: [Value], _ sources: [Int32]) -> [Value] {
        [Value](unsafeUninitializedCapacity: values.count) { out, count in
            values.withUnsafeBufferPointer { values in
                sources.withUnsafeBufferPointer { sources in
                    for plane in stride(from: 0, to: values.count, by: sources.count) {
                        for i in 0..<sources.count {
                            let source = Int(sources[i])
                            out[plane + i] = source >= 0 ? values[plane + source] : 0
                        }
                    }
                }
            }
            count = values.count
        }
    }
}
