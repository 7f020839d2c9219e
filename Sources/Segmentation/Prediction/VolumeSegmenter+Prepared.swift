import Files

extension VolumeSegmenter {
    /// Labels of a prepared volume, turned back to the file's own order; of a binary network 0 and
    /// 1. `progress` gets the number of slices that are done.
    ///
    /// Slices that were resampled go through the network in squares, and the probabilities are
    /// interpolated back onto the file's pixels before the most probable class is taken.
    package func segment(_ volume: PreparedVolume, progress: (_ slices: Int) -> Void = { _ in }) throws -> LabelVolume {
        try segment(volume, check: {}, progress: progress)
    }

    /// `check` is called before each batch of slices; what it throws ends the work.
    func segment(_ volume: PreparedVolume, check: () throws -> Void, progress: (_ slices: Int) -> Void) throws -> LabelVolume {
        try maps(of: volume, shows: false, check: check, progress: progress).labels
    }

    /// Labels as `segment(_:progress:)` gives them, in the file's own order. `shows` adds the
    /// classes' probabilities.
    package func maps(
        of volume: PreparedVolume, shows: Bool, check: () throws -> Void = {}, progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> VolumeMaps {
        let (shape, turn, isTiled) = (volume.shape, volume.turnBack, isTiled(volume))
        let found = try maps(
            shape: shape, plane: volume.plane, isTiled: isTiled, planes: isTiled ? volume.planes(at:) : volume.slice(at:), shows: shows,
            voxelVolume: volume.voxelVolume, check: check, progress: progress)
        return VolumeMaps(
            labels: try LabelVolume(shape: turn.applied(to: shape), labels: turn.applied(to: found.labels.labels, shape)),
            probabilities: found.probabilities.map { turn.applied(to: $0, shape) },
            uncertainty: found.uncertainty.isEmpty ? [] : turn.applied(to: found.uncertainty, shape), doubt: found.doubt)
    }

    /// The number of passes that a volume takes: one slice or tile, in one view, through one
    /// network.
    package func passes(of volume: PreparedVolume) -> Int {
        volume.shape.depth * (isTiled(volume) ? window(volume.plane).count : 1) * passes
    }

    private func isTiled(_ volume: PreparedVolume) -> Bool { isTiled || volume.fit == .spacing }
}
