import Files
import Imaging

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
        let found =
            try volume.fit == .stretch
            ? segment(shape: volume.shape, slice: volume.slice(at:), check: check, progress: progress)
            : segmentTiles(volume, keepsProbabilities: false, check: check, progress: progress).labels
        return try LabelVolume(
            shape: volume.turnBack.applied(to: volume.shape), labels: volume.turnBack.applied(to: found.labels, found.shape))
    }

    /// Labels as `segment(_:progress:)` gives them, and how probable each class but the
    /// background is, 0…255 for 0…1, both in the file's own order.
    package func segmentWithProbabilities(
        _ volume: PreparedVolume, progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> (labels: LabelVolume, probabilities: [[UInt8]]) {
        let found =
            try volume.fit == .stretch
            ? segmentWithProbabilities(volume.intensities, shape: volume.shape, progress: progress)
            : segmentTiles(volume, keepsProbabilities: true, check: {}, progress: progress)
        return (
            try LabelVolume(
                shape: volume.turnBack.applied(to: volume.shape), labels: volume.turnBack.applied(to: found.labels.labels, volume.shape)),
            found.probabilities.map { volume.turnBack.applied(to: $0, volume.shape) }
        )
    }

    private func segmentTiles(
        _ volume: PreparedVolume, keepsProbabilities: Bool, check: () throws -> Void, progress: (_ slices: Int) -> Void
    ) throws -> (labels: LabelVolume, probabilities: [[UInt8]]) {
        let tiles = PlaneTiles(volume.plane, size: networkSize)
        let (shape, classes) = (volume.shape, network.classes)
        let shown = !keepsProbabilities ? 0..<0 : classes == 1 ? 0..<1 : 1..<classes
        let slices = max(1, batchSize / tiles.corners.count)
        try DataError.requireMemory(
            (3 + shown.count) * shape.count + slices * 8 * classes * (tiles.plane.count + shape.plane.count)
                + batchSize * (8 * classes + 4 * network.inputChannels) * networkSize.count,
            for: "a volume of \(shape)", remedy: "Crop the volume, or save it at a larger spacing.")
        var labels: [UInt8] = []
        labels.reserveCapacity(shape.count)
        var probabilities = [[UInt8]](repeating: [], count: shown.count)
        let to = (height: shape.height, width: shape.width)
        for start in stride(from: 0, to: shape.depth, by: slices) {
            try check()
            let count = min(slices, shape.depth - start)
            let planes = Parallel.map(count) { volume.planes(at: start + $0) }
            let sums = try self.probabilities(of: planes, tiles)
            let drawn = Parallel.map(count) { index in
                let (p, from) = (sums[index], (height: tiles.plane.height, width: tiles.plane.width))
                let labels =
                    classes == 1
                    ? Masks.foreground(p, from: from, to: to, threshold: threshold)
                    : Masks.labels(p, classes: classes, from: from, to: to)
                let maps = shown.map { c in
                    let plane = Array(p[c * tiles.plane.count..<(c + 1) * tiles.plane.count])
                    return Resize.bilinear(plane, channels: 1, from: from, to: to).map { UInt8(min(max($0, 0), 1) * 255 + 0.5) }
                }
                return (labels, maps)
            }
            for (slice, maps) in drawn {
                labels += slice
                for (place, map) in maps.enumerated() { probabilities[place] += map }
            }
            progress(start + count)
        }
        return (try LabelVolume(shape: shape, labels: labels), probabilities)
    }

    /// Of each slice the classes' probabilities, [classes, rows, columns] at the spacing of
    /// training; of a binary network the foreground's.
    private func probabilities(of planes: [[Float]], _ tiles: PlaneTiles) throws -> [[Float]] {
        let (perSlice, classes) = (tiles.corners.count, network.classes)
        var sums = planes.map { _ in [Float](repeating: 0, count: classes * tiles.plane.count) }
        var weights = planes.map { _ in [Float](repeating: 0, count: tiles.plane.count) }
        for start in stride(from: 0, to: planes.count * perSlice, by: batchSize) {
            let count = min(batchSize, planes.count * perSlice - start)
            let images = (start..<start + count).flatMap { tiles.cut(planes[$0 / perSlice], $0 % perSlice) }
            let logits = try network.answer(images, batch: count, height: networkSize.height, width: networkSize.width)
            for index in 0..<count {
                let (slice, tile) = ((start + index) / perSlice, (start + index) % perSlice)
                tiles.add(classes == 1 ? logits.foreground(index) : logits.probabilities(index), tile, to: &sums[slice], &weights[slice])
            }
        }
        for slice in sums.indices {
            for c in 0..<classes {
                for i in 0..<tiles.plane.count { sums[slice][c * tiles.plane.count + i] /= weights[slice][i] }
            }
        }
        return sums
    }
}
