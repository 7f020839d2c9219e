/// The lower envelope of parabolas f + (spacing · (x − p))² over integer positions: one axis of an
/// exact Euclidean distance transform (Felzenszwalb and Huttenlocher, "Distance Transforms of
/// Sampled Functions").
///
/// A class, because it owns scratch memory that every line of a volume reuses. Only one thread may
/// use it at a time.
final class LowerEnvelope {
    private let squaredSpacing: Double
    /// 1 / (2 · spacing² · distance), to replace a division per intersection by a multiplication.
    private let reciprocals: UnsafeMutablePointer<Double>
    private let centres: UnsafeMutablePointer<Int>
    private let values: UnsafeMutablePointer<Double>
    /// The position from which a parabola is the lowest.
    private let starts: UnsafeMutablePointer<Double>
    private var count = 0
    private var cursor = 0

    init(length: Int, spacing: Double) {
        squaredSpacing = spacing * spacing
        reciprocals = .allocate(capacity: length + 1)
        reciprocals.initialize(repeating: 0, count: length + 1)
        for distance in 1..<max(length + 1, 2) where distance <= length {
            reciprocals[distance] = 1 / (2 * squaredSpacing * Double(distance))
        }
        centres = .allocate(capacity: length)
        values = .allocate(capacity: length)
        starts = .allocate(capacity: length)
    }

    deinit {
        reciprocals.deallocate()
        centres.deallocate()
        values.deallocate()
        starts.deallocate()
    }

    @inline(__always) func reset() { (count, cursor) = (0, 0) }

    /// Adds the parabola of height `value` at `position`. Positions must increase.
    @inline(__always) func add(_ position: Int, _ value: Double) {
        var start = -Double.infinity
        while count > 0 {
            let top = count &- 1
            let p = centres[top]
            start = (value - values[top] + squaredSpacing * Double((position &- p) &* (position &+ p))) * reciprocals[position &- p]
            if start > starts[top] { break }
            count = top
            start = -.infinity
        }
        centres[count] = position
        values[count] = value
        starts[count] = start
        count &+= 1
    }

    /// The envelope at `position`, infinite without parabolas. Positions must increase.
    @inline(__always) func height(at position: Int) -> Double {
        guard count > 0 else { return .infinity }
        let x = Double(position)
        while cursor &+ 1 < count, starts[cursor &+ 1] < x { cursor &+= 1 }
        let distance = Double(position &- centres[cursor])
        return values[cursor] + squaredSpacing * distance * distance
    }
}

/// A range of voxels, including both ends.
struct VoxelBox: Sendable, Equatable {
    var z: ClosedRange<Int>
    var y: ClosedRange<Int>
    var x: ClosedRange<Int>

    var depth: Int { z.count }
    var height: Int { y.count }
    var width: Int { x.count }
    var count: Int { depth * height * width }

    func union(_ other: VoxelBox) -> VoxelBox {
        func join(_ a: ClosedRange<Int>, _ b: ClosedRange<Int>) -> ClosedRange<Int> {
            min(a.lowerBound, b.lowerBound)...max(a.upperBound, b.upperBound)
        }
        return VoxelBox(z: join(z, other.z), y: join(y, other.y), x: join(x, other.x))
    }
}

/// One class in a label volume, as a set of voxels. The volume must outlive it.
struct VoxelSet {
    let labels: UnsafePointer<UInt8>
    let shape: VolumeShape
    let value: UInt8

    /// Marks with 1 the border voxels of slice `z` within the box (row-major, box height × box
    /// width); returns whether there are any.
    ///
    /// A border voxel has one of its six neighbours outside the set, or outside the array.
    func markSurface(z: Int, box: VoxelBox, into marks: UnsafeMutablePointer<UInt8>) -> Bool {
        let (w, planeSize) = (shape.width, shape.plane.count)
        var any: UInt8 = 0
        for y in box.y {
            let row = labels + (z * shape.height + y) * w
            let out = marks + (y - box.y.lowerBound) * box.width
            let atEdge = z == 0 || z == shape.depth - 1 || y == 0 || y == shape.height - 1
            if atEdge {
                for x in 0..<box.width {
                    let mark: UInt8 = row[box.x.lowerBound + x] == value ? 1 : 0
                    out[x] = mark
                    any |= mark
                }
                continue
            }
            let (above, below, front, back) = (row - w, row + w, row - planeSize, row + planeSize)
            for x in max(box.x.lowerBound, 1)..<max(min(box.x.upperBound, w - 2) + 1, max(box.x.lowerBound, 1)) {
                let around = (row[x - 1] ^ value) | (row[x + 1] ^ value) | (above[x] ^ value) | (below[x] ^ value)
                let differs = around | (front[x] ^ value) | (back[x] ^ value)
                let mark: UInt8 = (row[x] == value ? 1 : 0) & (differs != 0 ? 1 : 0)
                out[x - box.x.lowerBound] = mark
                any |= mark
            }
            for x in [0, w - 1] where box.x.contains(x) {
                let mark: UInt8 = row[x] == value ? 1 : 0
                out[x - box.x.lowerBound] = mark
                any |= mark
            }
        }
        return any != 0
    }
}
