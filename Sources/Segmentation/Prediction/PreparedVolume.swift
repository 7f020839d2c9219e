import Imaging

/// A volume in the form that a network was trained on: turned to its voxel order, intensities
/// mapped, slices resampled, neighbouring slices as further channels.
package struct PreparedVolume: Sendable {
    private let channels: [VolumeFile]
    private let turn: VolumeTurn
    private let maps: [IntensityMap]
    /// Slices on each side that are channels as well.
    private let neighbors: Int
    /// The shape of the turned volume.
    package let shape: VolumeShape
    /// Fits its slices to the network's input.
    package let fit: SliceFit
    /// The size of its slices at the spacing of training.
    package let plane: PlaneSize
    /// Turns labels back to the file's order.
    package let turnBack: VolumeTurn
    /// The window that was applied to the first channel, or that shows it best.
    package let window: IntensityWindow
    /// Each channel's mapping.
    package let normalizations: [Normalization]
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
        try self.init([volume], path: path, convention: convention, sliceAxis: sliceAxis, window: asked)
    }

    /// Turns and maps the channels of a volume, each a volume of the same voxels.
    ///
    /// Throws ``DataError`` for another number of channels than the convention's, channels of
    /// different voxels, and slices that are too small to be meaningful.
    package init(
        _ channels: [VolumeFile], path: String, convention: InputConvention, sliceAxis: Int? = nil, window asked: IntensityWindow? = nil
    ) throws(DataError) {
        let volume = try Self.first(of: channels, path: path, convention: convention)
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
        try Self.check(shape, stored: volume, isOrderKnown: order != nil, path: path, &notes)
        let known = asked.map(Normalization.window) ?? (volume.isNormalized ? Normalization.window(.none) : nil)
        let normalizations = channels.indices.map { known ?? convention.normalization(of: $0) }
        if normalizations[0] == .window(.none), let problem = Self.problem(volume.extremes) { notes.append(problem) }
        maps = zip(channels, normalizations).map { IntensityMap($1, of: $0, scale: convention.volumeScale) }
        plane = shape.plane.resampled(from: volume.spacing.map { turn.applied(to: $0) }, to: convention.sliceSpacing)
        window = if case .window(let window) = normalizations[0] { window } else { .percentiles }
        (self.channels, self.turn, self.normalizations, self.fit) = (channels, turn, normalizations, convention.sliceFit)
        (neighbors, self.shape, turnBack, voxelOrder, self.notes) = (convention.neighbors, shape, turn.inverse, order, notes)
        guard max(plane.height, plane.width) <= Self.largestSide else {
            throw DataError(
                .shape, path: path, "its slices would be \(plane) pixels at the spacing of training",
                remedy: "Check the file's spacing, or crop the volume.")
        }
    }

    /// The most rows and columns of a resampled slice.
    private static let largestSide = 8192

    /// The channel that the others must fit.
    private static func first(
        of channels: [VolumeFile], path: String, convention: InputConvention
    ) throws(DataError) -> VolumeFile {
        let expected = convention.channels?.count ?? 1
        guard let first = channels.first, channels.count == expected else {
            let names = (convention.channels ?? []).joined(separator: ", ")
            throw DataError(
                .shape, path: path,
                "has \(channels.count == 1 ? "1 channel" : "\(channels.count) channels"), the weights take \(expected)"
                    + (names.isEmpty ? "" : " (\(names))"),
                remedy: "Give each channel as NAME_0000, NAME_0001 and so on, or all of them along a fourth axis, in the order of training."
            )
        }
        for (index, channel) in channels.enumerated().dropFirst() {
            if let difference = first.difference(from: channel) {
                throw DataError(
                    .shape, path: path, "its channel \(index) \(difference)",
                    remedy: "Resample the channels to the same voxels.")
            }
        }
        return first
    }

    private static func check(
        _ shape: VolumeShape, stored volume: VolumeFile, isOrderKnown: Bool, path: String, _ notes: inout [String]
    ) throws(DataError) {
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
        if !isOrderKnown, shape.depth > 3 * min(shape.height, shape.width) {
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

    /// A slice of the first channel as the network wants it, (rows, columns).
    package func slice(at index: Int) -> [Float] { maps[0].applied(to: channels[0].slice(at: index, turned: turn)) }

    /// All slices of the first channel, (slices, rows, columns).
    package var intensities: [Float] { (0..<shape.depth).flatMap(slice(at:)) }

    /// A slice at the spacing of training: of each channel the slice between its neighbours, in the
    /// order of the volume. Beyond an end the last slice stands for its neighbours.
    package func planes(at index: Int) -> [Float] {
        let size = (height: shape.height, width: shape.width)
        return channels.indices.flatMap { channel in
            (-neighbors...neighbors).flatMap { step -> [Float] in
                let slice = min(max(index + step, 0), shape.depth - 1)
                let plane = maps[channel].applied(to: channels[channel].slice(at: slice, turned: turn))
                return shape.plane == self.plane
                    ? plane : Resize.bilinear(plane, channels: 1, from: size, to: (self.plane.height, self.plane.width))
            }
        }
    }

    /// Planes that ``planes(at:)`` gives.
    var planeCount: Int { channels.count * (2 * neighbors + 1) }

    /// A voxel's cubic millimetres; nil if the file does not give them.
    var voxelVolume: Double? { channels[0].voxelVolume }

    /// Bytes that the stored voxels take, about.
    var byteCount: Int { channels.reduce(0) { $0 + $1.byteCount } }

    /// The first channel as it is stored, (slices, rows, columns), its intensities 0…1 for people
    /// to look at.
    package var shown: [Float] {
        let volume = channels[0]
        let shown = (window == .none && !volume.isNormalized ? .range : window).resolved(for: volume)
        return (0..<volume.shape.depth).flatMap { shown.applied(to: volume.slice(at: $0)) }
    }
}

extension VolumeFile {
    /// The default of the file's axis across slices: 1 for an array, 3 for NIfTI.
    var firstSliceAxis: Int { isNormalized ? 1 : 3 }
}
