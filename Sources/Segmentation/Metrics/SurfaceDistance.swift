/// Distances between the surfaces of two voxel sets, by exact Euclidean distance transform.
package enum SurfaceDistance {
    /// The 95th percentile of the distances from each set's border voxels to the other's nearest,
    /// both directions together (HD95).
    ///
    /// Border voxels have one of six neighbours outside the set or the volume. The unit is the
    /// spacing's. Nil if either volume lacks the class. Throws `VolumeError` if the shapes differ
    /// or the spacing is not positive.
    package static func hausdorff95(
        _ prediction: LabelVolume, _ label: LabelVolume, of value: UInt8, spacing: VoxelSpacing = .voxels
    ) throws(VolumeError) -> Double? {
        let measured = try VolumeScores.measure(prediction, label, classes: [value], spacing: spacing, distances: true)
        return percentile95(measured[0].distances.all)
    }

    /// The distance of every border voxel of `queries` in the box to the nearest border voxel of
    /// `sources`.
    ///
    /// The box must contain both surfaces. Memory: two bytes per voxel of the box, a few planes,
    /// and the result.
    static func directed(from queries: VoxelSet, to sources: VoxelSet, box: VoxelBox, spacing: VoxelSpacing) -> [Double] {
        let plane = box.height * box.width
        // Distance in slices to the nearest source voxel of the same column; `none` if the column
        // has no source.
        let columns = UnsafeMutablePointer<UInt16>.allocate(capacity: box.count)
        let marks = UnsafeMutablePointer<UInt8>.allocate(capacity: plane)
        defer {
            columns.deallocate()
            marks.deallocate()
        }
        sweepForward(sources, box: box, marks: marks, columns: columns)

        var planePass = PlanePass(box: box, spacing: spacing)
        for slice in stride(from: box.depth - 1, through: 0, by: -1) {
            let current = columns + slice * plane
            if slice + 1 < box.depth {
                let after = current + plane
                for i in 0..<plane { current[i] = min(current[i], advanced(after[i])) }
            }
            if queries.markSurface(z: box.z.lowerBound + slice, box: box, into: marks) { planePass.run(marks: marks, columns: current) }
        }
        return planePass.distances
    }

    static let none = UInt16.max

    @inline(__always) private static func advanced(_ distance: UInt16) -> UInt16 { distance == none ? none : distance &+ 1 }

    private static func sweepForward(
        _ sources: VoxelSet, box: VoxelBox, marks: UnsafeMutablePointer<UInt8>, columns: UnsafeMutablePointer<UInt16>
    ) {
        let plane = box.height * box.width
        for slice in 0..<box.depth {
            let current = columns + slice * plane
            let before = slice == 0 ? nil : current - plane
            let any = sources.markSurface(z: box.z.lowerBound + slice, box: box, into: marks)
            switch (before, any) {
            case (nil, _): for i in 0..<plane { current[i] = marks[i] != 0 ? 0 : none }
            case (let before?, false): for i in 0..<plane { current[i] = advanced(before[i]) }
            case (let before?, true): for i in 0..<plane { current[i] = marks[i] != 0 ? 0 : advanced(before[i]) }
            }
        }
    }

    /// The 95th percentile, interpolated linearly between order statistics like `numpy.percentile`;
    /// nil for no values.
    static func percentile95(_ values: consuming [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let position = 0.95 * Double(values.count - 1)
        let lower = Int(position)
        partition(&values, at: lower)
        guard lower + 1 < values.count else { return values[lower] }
        let next = values[(lower + 1)...].min() ?? values[lower]
        return values[lower] + (next - values[lower]) * (position - Double(lower))
    }

    /// Moves the `rank`-th smallest value to its place, with no larger ones before it and no
    /// smaller ones after it (quickselect).
    private static func partition(_ values: inout [Double], at rank: Int) {
        var (low, high) = (0, values.count - 1)
        while low < high {
            let pivot = values[low + (high - low) / 2]
            var (i, j) = (low, high)
            while i <= j {
                while values[i] < pivot { i += 1 }
                while values[j] > pivot { j -= 1 }
                if i <= j {
                    values.swapAt(i, j)
                    i += 1
                    j -= 1
                }
            }
            if rank <= j { high = j } else if rank >= i { low = i } else { return }
        }
    }
}

/// The transform's two in-plane axes: down the columns of a slice, then along the rows with a
/// query.
private struct PlanePass {
    private let height: Int
    private let width: Int
    private let squaredDepth: Double
    private let down: LowerEnvelope
    private let along: LowerEnvelope
    private var squared: [Double]
    private(set) var distances: [Double] = []

    init(box: VoxelBox, spacing: VoxelSpacing) {
        height = box.height
        width = box.width
        squaredDepth = spacing.depth * spacing.depth
        down = LowerEnvelope(length: box.height, spacing: spacing.height)
        along = LowerEnvelope(length: box.width, spacing: spacing.width)
        squared = Array(repeating: .infinity, count: box.height * box.width)
    }

    /// Appends the distance of every marked voxel; `columns` are distances in slices.
    mutating func run(marks: UnsafePointer<UInt8>, columns: UnsafePointer<UInt16>) {
        // Rows whose queries all lie on a source need no distances: the surfaces coincide there.
        var rows: [Int] = []
        for y in 0..<height {
            var (queries, away) = (0, 0)
            for x in 0..<width where marks[y * width + x] != 0 {
                queries += 1
                if columns[y * width + x] != 0 { away += 1 }
            }
            if away > 0 { rows.append(y) } else { distances.append(contentsOf: repeatElement(0, count: queries)) }
        }
        guard !rows.isEmpty else { return }

        squared.withUnsafeMutableBufferPointer { buffer in
            let squared = buffer.baseAddress!
            for x in 0..<width {
                down.reset()
                for y in 0..<height {
                    let slices = columns[y &* width &+ x]
                    if slices != SurfaceDistance.none { down.add(y, squaredDepth * Double(Int(slices) &* Int(slices))) }
                }
                for y in rows { squared[y &* width &+ x] = down.height(at: y) }
            }
            for y in rows {
                let row = squared + y * width
                along.reset()
                for x in 0..<width where row[x] < .infinity { along.add(x, row[x]) }
                for x in 0..<width where marks[y * width + x] != 0 { distances.append(along.height(at: x).squareRoot()) }
            }
        }
    }
}
