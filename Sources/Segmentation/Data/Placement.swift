#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Mirrors left and right, then top and bottom, then rotates about the centre.
///
/// The rotation is the published one (torchvision's `rotate`): anticlockwise, nearest pixel for
/// picture and mask, 0 outside the picture, same size. Each pixel is visited once. With a zoom,
/// pictures and soft masks are interpolated bilinearly instead.
package struct Placement: Sendable, Equatable {
    /// Mirror left and right.
    package var flipsHorizontally = false
    /// Mirror top and bottom.
    package var flipsVertically = false
    /// Anticlockwise; 0 for none.
    package var degrees = 0.0
    /// The magnification about the centre; 1 for none.
    package var zoom = 1.0

    /// By default nothing moves.
    package init(flipsHorizontally: Bool = false, flipsVertically: Bool = false, degrees: Double = 0, zoom: Double = 1) {
        self.flipsHorizontally = flipsHorizontally
        self.flipsVertically = flipsVertically
        self.degrees = degrees
        self.zoom = zoom
    }

    /// The sample with picture and target placed alike.
    package func applied(to sample: Sample) -> Sample {
        guard self != Placement() else { return sample }
        var placed = sample
        if zoom != 1 {
            let sampler = BilinearSampler(self, height: sample.height, width: sample.width)
            placed.image = sampler.gather(sample.image)
            switch sample.target {
            // An unlabelled pixel cannot be interpolated with its neighbours.
            case .binary(let plane) where plane.contains(Preprocessing.ignoredTarget):
                placed.target = .binary(Self.gather(plane, sources(height: sample.height, width: sample.width)))
            case .binary(let plane): placed.target = .binary(sampler.gather(plane))
            case .labels(let plane):
                placed.target = .labels(Self.gather(plane, sources(height: sample.height, width: sample.width)))
            }
            return placed
        }
        let sources = sources(height: sample.height, width: sample.width)
        placed.image = Self.gather(sample.image, sources)
        switch sample.target {
        case .binary(let plane): placed.target = .binary(Self.gather(plane, sources))
        case .labels(let plane): placed.target = .labels(Self.gather(plane, sources))
        }
        return placed
    }

    /// The source position of each pixel, −1 for none.
    func sources(height: Int, width: Int) -> [Int32] {
        let radians = degrees * .pi / 180
        let (cosine, sine) = (Float(cos(radians) / zoom), Float(sin(radians) / zoom))
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

    /// The nearest whole number, ties to even, for |value| < 2²²: adding 1.5 · 2²³ leaves no bits
    /// for a fraction. Unlike `rounded()`, this is vectorised.
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

/// Bilinear interpolation at a placement's sources, with 0 outside the picture.
private struct BilinearSampler {
    private let height: Int
    private let width: Int
    /// Each pixel's source, in pixels from the centre of the first one.
    private let places: [SIMD2<Float>]

    init(_ placement: Placement, height: Int, width: Int) {
        (self.height, self.width) = (height, width)
        let radians = placement.degrees * .pi / 180
        let (cosine, sine) = (Float(cos(radians) / placement.zoom), Float(sin(radians) / placement.zoom))
        let centre = SIMD2(Float(width - 1), Float(height - 1)) / 2
        let flip = SIMD2<Float>(placement.flipsHorizontally ? -1 : 1, placement.flipsVertically ? -1 : 1)
        places = [SIMD2<Float>](unsafeUninitializedCapacity: height * width) { out, count in
            for row in 0..<height {
                for column in 0..<width {
                    let (x, y) = (Float(column) - centre.x, Float(row) - centre.y)
                    out[row * width + column] = centre + flip * SIMD2(cosine * x - sine * y, sine * x + cosine * y)
                }
            }
            count = height * width
        }
    }

    /// Each plane's values at the sources.
    func gather(_ values: [Float]) -> [Float] {
        [Float](unsafeUninitializedCapacity: values.count) { out, count in
            values.withUnsafeBufferPointer { values in
                for plane in stride(from: 0, to: values.count, by: places.count) {
                    for i in places.indices { out[plane + i] = value(values, plane, places[i]) }
                }
            }
            count = values.count
        }
    }

    @inline(__always)
    private func value(_ values: UnsafeBufferPointer<Float>, _ plane: Int, _ place: SIMD2<Float>) -> Float {
        guard place.x > -1, place.y > -1, place.x < Float(width), place.y < Float(height) else { return 0 }
        let corner = place.rounded(.down)
        let (fraction, x, y) = (place - corner, Int(corner.x), Int(corner.y))
        func at(_ x: Int, _ y: Int) -> Float { x >= 0 && x < width && y >= 0 && y < height ? values[plane + y * width + x] : 0 }
        let above = at(x, y) * (1 - fraction.x) + at(x + 1, y) * fraction.x
        let below = at(x, y + 1) * (1 - fraction.x) + at(x + 1, y + 1) * fraction.x
        return above * (1 - fraction.y) + below * fraction.y
    }
}
