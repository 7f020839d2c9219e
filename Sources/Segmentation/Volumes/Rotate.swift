#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Turns and flips of planes, row-major (height, width), as defined by NumPy and SciPy.
package enum Rotate {
    /// Quarter turns, anticlockwise as displayed (`numpy.rot90`); an odd number swaps height and
    /// width.
    package static func quarterTurns<Value>(_ plane: [Value], size: PlaneSize, turns: Int) -> (plane: [Value], size: PlaneSize) {
        precondition(plane.count == size.count, "Rotate: expected \(size.count) values, got \(plane.count)")
        let (h, w) = (size.height, size.width)
        switch ((turns % 4) + 4) % 4 {
        case 1:
            let turned = PlaneSize(height: w, width: h)
            return (gather(turned) { y, x in plane[x * w + (w - 1 - y)] }, turned)
        case 2: return (plane.reversed(), size)
        case 3:
            let turned = PlaneSize(height: w, width: h)
            return (gather(turned) { y, x in plane[(h - 1 - x) * w + y] }, turned)
        default: return (plane, size)
        }
    }

    /// The axis that a flip reverses.
    package enum Axis: Int, Sendable, Codable, CaseIterable {
        case rows, columns
    }

    /// Reverses the order of the rows or of the columns: `numpy.flip(plane, axis)`.
    package static func flipped<Value>(_ plane: [Value], size: PlaneSize, axis: Axis) -> [Value] {
        precondition(plane.count == size.count, "Rotate: expected \(size.count) values, got \(plane.count)")
        let (h, w) = (size.height, size.width)
        return switch axis {
        case .rows: gather(size) { y, x in plane[(h - 1 - y) * w + x] }
        case .columns: gather(size) { y, x in plane[y * w + (w - 1 - x)] }
        }
    }

    /// Rotation about the centre with the nearest pixel, keeping the size, with `outside` in the
    /// corners: `scipy.ndimage.rotate(plane, degrees, order=0, reshape=False)`.
    package static func nearest<Value>(_ plane: [Value], size: PlaneSize, degrees: Int, outside: Value) -> [Value] {
        precondition(plane.count == size.count, "Rotate: expected \(size.count) values, got \(plane.count)")
        let (cosine, sine) = cosineAndSine(degrees: degrees)
        let (centreY, centreX) = (Double(size.height - 1) / 2, Double(size.width - 1) / 2)
        let offsetY = centreY - (cosine * centreY + sine * centreX)
        let offsetX = centreX - (-sine * centreY + cosine * centreX)
        let (lastY, lastX) = (Double(size.height - 1), Double(size.width - 1))
        return gather(size) { y, x in
            let sourceY = offsetY + Double(y) * cosine + Double(x) * sine
            let sourceX = offsetX + Double(y) * -sine + Double(x) * cosine
            // SciPy's rule: a point beyond the outermost pixel centres is outside.
            guard sourceY >= 0, sourceY <= lastY, sourceX >= 0, sourceX <= lastX else { return outside }
            return plane[Int(sourceY + 0.5) * size.width + Int(sourceX + 0.5)]
        }
    }

    /// Reduced to within 45° of a quarter turn in degrees, which is exact. SciPy does the same, and
    /// at 45° or 60° the last bit decides between two equally near pixels.
    private static func cosineAndSine(degrees: Int) -> (cosine: Double, sine: Double) {
        let quadrant = (abs(degrees) + 45) / 90
        let rest = Double(abs(degrees) - 90 * quadrant) * .pi / 180
        let (c, s) = (cos(rest), sin(rest))
        let (cosine, sine) =
            switch quadrant % 4 {
            case 0: (c, s)
            case 1: (-s, c)
            case 2: (-c, -s)
            default: (s, -c)
            }
        return (cosine, degrees < 0 ? -sine : sine)
    }

    private static func gather<Value>(_ size: PlaneSize, _ value: (_ y: Int, _ x: Int) -> Value) -> [Value] {
        [Value](unsafeUninitializedCapacity: size.count) { buffer, initialized in
            for y in 0..<size.height {
                for x in 0..<size.width {
                    (buffer.baseAddress! + y * size.width + x).initialize(to: value(y, x))
                }
            }
            initialized = size.count
        }
    }
}
