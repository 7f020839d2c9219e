/// A volume in the form that a network was trained on: turned to its voxel order, intensities
/// mapped by its window.
package struct PreparedVolume: Sendable {
    private let volume: VolumeFile
    private let turn: VolumeTurn
    /// The window in numbers, and the greatest value of the network's input.
    private let limits: IntensityWindow
    private let scale: Float
    /// The shape of the turned volume.
    package let shape: VolumeShape
    /// Turns labels back to the file's order.
    package let turnBack: VolumeTurn
    /// The window that was applied.
    package let window: IntensityWindow
    /// The order that the volume was turned to; nil if it kept the stored order.
    package let voxelOrder: VoxelOrder?
    /// Notes on this volume for the user, a line each.
    package let notes: [String]

    /// The least number of rows and columns of a useful slice.
    package static let smallestSide = 8

    /// Turns and maps a volume.
    ///
    /// `sliceAxis` is an array's axis across slices, 1 to 3; NIfTI's is the third. `window` is the
    /// user's; nil takes the convention's, or none for arrays, which already hold 0…1.
    ///
    /// Throws ``DataError`` for slices that are too small to be meaningful.
    package init(
        _ volume: VolumeFile, path: String, convention: InputConvention, sliceAxis: Int? = nil, window asked: IntensityWindow? = nil
    ) throws(DataError) {
        var notes = volume.notes
        var turn = VolumeTurn.none
        var order: VoxelOrder?
        if let sliceAxis, sliceAxis != volume.firstSliceAxis {
            turn = .slicesFirst(axis: volume.isNormalized ? sliceAxis : 4 - sliceAxis)
        } else if let wanted = convention.voxelOrder {
            if let stored = volume.voxelOrder {
                (turn, order) = (stored.turn(to: wanted), wanted)
            } else if !volume.isNormalized {
                notes.append("the header does not say how the voxels lie: the volume is taken as stored, the weights want \(wanted)")
            }
        }
        if !volume.isNormalized, volume.voxelOrder == nil, notes == volume.notes {
            notes.append("the header does not say how the voxels lie: the volume is taken as stored")
        }
        let shape = turn.applied(to: volume.shape)
        try Self.check(shape, stored: volume, path: path, &notes)
        let window = asked ?? (volume.isNormalized ? IntensityWindow.none : convention.window)
        if window == .none, let problem = Self.problem(volume.extremes) { notes.append(problem) }
        (self.volume, self.turn, limits, scale) = (volume, turn, window.resolved(for: volume), convention.volumeScale)
        (self.shape, turnBack, self.window, voxelOrder, self.notes) = (shape, turn.inverse, window, order, notes)
    }

    private static func check(_ shape: VolumeShape, stored volume: VolumeFile, path: String, _ notes: inout [String]) throws(DataError) {
        let extents =
            volume.isNormalized
            ? [volume.shape.depth, volume.shape.height, volume.shape.width]
            : [volume.shape.width, volume.shape.height, volume.shape.depth]
        let shown = extents.map(String.init).joined(separator: "×")
        let shortest = extents.indices.min { extents[$0] < extents[$1] } ?? 0
        guard min(shape.height, shape.width) >= smallestSide else {
            let others = extents.indices.filter { $0 != shortest }.map { extents[$0] }
            let helps = others.allSatisfy { $0 >= smallestSide }
            throw DataError(
                .shape, path: path,
                "its slices are \(shape.height)×\(shape.width) pixels of a volume of \(shown), too small to show anything",
                remedy: helps
                    ? "Say along which axis the slices lie: --slice-axis \(shortest + 1)."
                    : "Slices need at least \(smallestSide) rows and columns.")
        }
        if shape.depth > 3 * min(shape.height, shape.width) {
            notes.append(
                "\(shape.depth) slices of \(shape.height)×\(shape.width) pixels: where the slices of these \(shown) voxels lie along another axis, "
                    + "--slice-axis \(shortest + 1) says so")
        }
    }

    private static func problem(_ stored: ClosedRange<Float>) -> String? {
        SliceFindings.intensityProblem(stored, isMapped: false).map { _ in
            "intensities run from \(stored.lowerBound) to \(stored.upperBound), where 0 to 1 is expected: --window LOW,HIGH maps them"
        }
    }

    /// A slice as the network wants it, (rows, columns).
    package func slice(at index: Int) -> [Float] { limits.applied(to: volume.slice(at: index, turned: turn), scale: scale) }

    /// All slices, (slices, rows, columns).
    package var intensities: [Float] { (0..<shape.depth).flatMap(slice(at:)) }

    /// A slice as it is stored, its intensities 0…1 for people to look at.
    package func shown(at index: Int) -> [Float] {
        let window = window == .none && !volume.isNormalized ? IntensityWindow.range.resolved(for: volume) : limits
        return window.applied(to: volume.slice(at: index))
    }
}

extension VolumeFile {
    /// The default of the file's axis across slices: 1 for an array, 3 for NIfTI.
    var firstSliceAxis: Int { isNormalized ? 1 : 3 }
}
