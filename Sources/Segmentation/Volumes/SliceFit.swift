#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Fits slices to the network's square input.
public enum SliceFit: String, Sendable, Codable, CaseIterable {
    /// Stretched to its size, as in the published protocol.
    case stretch
    /// Resampled to the training set's spacing, then filled up with 0 or cut into overlapping
    /// squares.
    case spacing
}

extension PlaneSize {
    /// The pixels that slices of this size and spacing get at another spacing: borders stay where
    /// they are, so that the result is the same piece of the body. Unchanged if one is unknown.
    func resampled(from spacing: VoxelSpacing?, to target: VoxelSpacing?) -> PlaneSize {
        guard let spacing, let target else { return self }
        func pixels(_ count: Int, _ from: Double, _ to: Double) -> Int {
            let wanted = (Double(count) * from / to).rounded()
            return wanted.isFinite ? Int(min(max(wanted, 1), Double(LabelVolume.largestExtent))) : count
        }
        return PlaneSize(height: pixels(height, spacing.height, target.height), width: pixels(width, spacing.width, target.width))
    }
}

/// Squares of the network's size that cover a plane: one that is filled up around a small plane,
/// otherwise several that overlap by half or more.
struct PlaneTiles: Sendable {
    let plane: PlaneSize
    let size: PlaneSize
    /// The plane's row and column at each square's first pixel; negative if it is padded.
    let corners: [(row: Int, column: Int)]
    /// The weights of a square's pixels in overlaps, a bell: a network knows least
    /// at the border.
    let weights: [Float]

    init(_ plane: PlaneSize, size: PlaneSize) {
        (self.plane, self.size) = (plane, size)
        let columns = Self.starts(plane.width, size.width)
        corners = Self.starts(plane.height, size.height).flatMap { row in columns.map { (row: row, column: $0) } }
        let (rows, across) = (Self.bell(size.height), Self.bell(size.width))
        weights = rows.flatMap { row in across.map { row * $0 } }
    }

    /// The starts of squares along an axis.
    static func starts(_ extent: Int, _ size: Int) -> [Int] {
        guard extent > size else { return [-((size - extent) / 2)] }
        let steps = (2 * (extent - size) + size - 1) / size
        return (0...steps).map { ($0 * (extent - size) + steps / 2) / steps }
    }

    /// A Gaussian whose deviation is an eighth of the extent, as nnU-Net weighs its squares.
    private static func bell(_ count: Int) -> [Float] {
        let (middle, deviation) = (Double(count - 1) / 2, Double(count) / 8)
        return (0..<count).map { place in
            let z = (Double(place) - middle) / deviation
            // Never so little that a corner of the plane would have no weight at all.
            return Float(max(exp(-z * z / 2), 1e-4))
        }
    }

    /// One square of each of the planes: channels × size.
    func cut(_ planes: [Float], _ tile: Int) -> [Float] {
        Self.cut(planes, plane, row: corners[tile].row, column: corners[tile].column, size: size)
    }

    /// A piece of each plane, with 0 outside.
    static func cut<Value: ExpressibleByIntegerLiteral>(
        _ planes: [Value], _ plane: PlaneSize, row: Int, column: Int, size: PlaneSize
    ) -> [Value] {
        let channels = planes.count / plane.count
        var pieces = [Value](repeating: 0, count: channels * size.count)
        let columns = max(0, -column)..<max(max(0, -column), min(size.width, plane.width - column))
        for channel in 0..<channels {
            for y in max(0, -row)..<max(max(0, -row), min(size.height, plane.height - row)) {
                let source = channel * plane.count + (row + y) * plane.width + column
                let target = channel * size.count + y * size.width
                for x in columns { pieces[target + x] = planes[source + x] }
            }
        }
        return pieces
    }

    /// Adds a square's weighted values to the planes' sums, and its weights to theirs.
    func add(_ values: [Float], _ tile: Int, to sums: inout [Float], _ total: inout [Float]) {
        let (corner, channels) = (corners[tile], values.count / size.count)
        for y in max(0, -corner.row)..<min(size.height, plane.height - corner.row) {
            for x in max(0, -corner.column)..<min(size.width, plane.width - corner.column) {
                let (place, pixel) = ((corner.row + y) * plane.width + corner.column + x, y * size.width + x)
                total[place] += weights[pixel]
                for c in 0..<channels { sums[c * plane.count + place] += weights[pixel] * values[c * size.count + pixel] }
            }
        }
    }
}
