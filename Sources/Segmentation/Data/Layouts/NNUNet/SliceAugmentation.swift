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
    /// The share of squares that are laid around a pixel of a class, each class equally often.
    var foregroundShare = 2.0 / 3

    /// One slice's random changes. Always draws the same count of numbers, so that one
    /// outcome does not change another.
    struct Draw: Sendable {
        var degrees = 0.0
        var zoom = 1.0
        var shift = (row: 0.0, column: 0.0)
        var gain: Float = 1
        var offset: Float = 0
        var seeksForeground = false
        var pick = 0.0
        var place = (row: 0.5, column: 0.5)
    }

    func draw(_ random: CounterRandom) -> Draw {
        var random = random
        var draw = Draw()
        draw.degrees = random.uniform(in: -largestAngle..<largestAngle + 1e-9)
        draw.zoom = pow(1 + zoomJitter, 2 * random.uniform() - 1)
        draw.shift = (random.uniform(in: -largestShift..<largestShift + 1e-9), random.uniform(in: -largestShift..<largestShift + 1e-9))
        draw.gain = Float(1 + colorJitter * (2 * random.uniform() - 1))
        draw.offset = Float(colorJitter * (2 * random.uniform() - 1))
        draw.seeksForeground = random.chance(foregroundShare)
        draw.pick = random.uniform()
        draw.place = (random.uniform(), random.uniform())
        return draw
    }
}

/// Takes a square of the network's size out of slices, turned and magnified about its middle.
struct SliceSquare: Sendable {
    let plane: PlaneSize
    let size: PlaneSize
    /// The slice's place, in pixels, that comes to the middle of the square.
    let center: (row: Double, column: Double)
    var degrees = 0.0
    var zoom = 1.0

    /// A square around a place, moved to leave the slice no more than it must.
    init(_ plane: PlaneSize, size: PlaneSize, around place: (row: Double, column: Double)) {
        func middle(_ extent: Int, _ size: Int, _ place: Double) -> Double {
            let start =
                extent > size ? min(max((place - Double(size - 1) / 2).rounded(), 0), Double(extent - size)) : -Double((size - extent) / 2)
            return start + Double(size - 1) / 2
        }
        (self.plane, self.size) = (plane, size)
        center = (middle(plane.height, size.height, place.row), middle(plane.width, size.width, place.column))
    }

    private init(_ plane: PlaneSize, _ size: PlaneSize, _ center: (row: Double, column: Double), _ draw: SliceAugmentation.Draw) {
        (self.plane, self.size, self.center, degrees, zoom) = (plane, size, center, draw.degrees, draw.zoom)
    }

    /// The square varied by random numbers.
    func varied(_ draw: SliceAugmentation.Draw) -> SliceSquare {
        SliceSquare(
            plane, size,
            (center.row + draw.shift.row * Double(size.height), center.column + draw.shift.column * Double(size.width)), draw)
    }

    private var isPlain: Bool { degrees == 0 && zoom == 1 }

    /// The planes' pixels, interpolated bilinearly; 0 outside.
    func image(_ planes: [Float]) -> [Float] {
        guard !isPlain else { return SlidingWindow.cut(planes, plane, row: row, column: column, size: size) }
        let channels = planes.count / plane.count
        var out = [Float](repeating: 0, count: channels * size.count)
        let (lastY, lastX) = (Float(plane.height - 1), Float(plane.width - 1))
        visit { pixel, y, x in
            guard y >= 0, x >= 0, y <= lastY, x <= lastX else { return }
            let (y0, x0) = (Int(y), Int(x))
            let (y1, x1) = (min(y0 + 1, plane.height - 1), min(x0 + 1, plane.width - 1))
            let (fy, fx) = (y - Float(y0), x - Float(x0))
            for c in 0..<channels {
                let base = c * plane.count
                let above = planes[base + y0 * plane.width + x0] * (1 - fx) + planes[base + y0 * plane.width + x1] * fx
                let below = planes[base + y1 * plane.width + x0] * (1 - fx) + planes[base + y1 * plane.width + x1] * fx
                out[c * size.count + pixel] = above * (1 - fy) + below * fy
            }
        }
        return out
    }

    /// The nearest pixels' labels; 0 outside.
    func labels(_ labels: [UInt8]) -> [UInt8] {
        guard !isPlain else { return SlidingWindow.cut(labels, plane, row: row, column: column, size: size) }
        var out = [UInt8](repeating: 0, count: size.count)
        visit { pixel, y, x in
            let (row, column) = (Int(y.rounded()), Int(x.rounded()))
            guard row >= 0, column >= 0, row < plane.height, column < plane.width else { return }
            out[pixel] = labels[row * plane.width + column]
        }
        return out
    }

    private var row: Int { Int((center.row - Double(size.height - 1) / 2).rounded()) }
    private var column: Int { Int((center.column - Double(size.width - 1) / 2).rounded()) }

    /// Each pixel of the square with its place in the slice.
    private func visit(_ body: (_ pixel: Int, _ y: Float, _ x: Float) -> Void) {
        let radians = degrees * .pi / 180
        let (cosine, sine) = (Float(cos(radians) / zoom), Float(sin(radians) / zoom))
        let (middleY, middleX) = (Float(size.height - 1) / 2, Float(size.width - 1) / 2)
        let (centerY, centerX) = (Float(center.row), Float(center.column))
        for row in 0..<size.height {
            let y = Float(row) - middleY
            for column in 0..<size.width {
                let x = Float(column) - middleX
                body(row * size.width + column, centerY + sine * x + cosine * y, centerX + cosine * x - sine * y)
            }
        }
    }
}
