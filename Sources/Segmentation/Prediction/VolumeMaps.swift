import Files
import Imaging

/// The prediction for a volume, voxel by voxel: (slices, rows, columns).
package struct VolumeMaps: Sendable {
    /// The labels.
    package var labels: LabelVolume
    /// The probability of each class but the background, 0…255 for 0…1; empty unless requested.
    package var probabilities: [[UInt8]]
    /// The entropy of the probabilities, 0…255 for none to the greatest possible; empty unless
    /// uncertainty is measured.
    package var uncertainty: [UInt8]
    /// The network's uncertainty; nil unless measured.
    package var doubt: Doubt?

    /// Labels, and the maps that were computed.
    package init(labels: LabelVolume, probabilities: [[UInt8]] = [], uncertainty: [UInt8] = [], doubt: Doubt? = nil) {
        (self.labels, self.probabilities, self.uncertainty, self.doubt) = (labels, probabilities, uncertainty, doubt)
    }
}

extension VolumeSegmenter {
    func window(_ plane: PlaneSize) -> SlidingWindow { SlidingWindow(plane, size: networkSize, overlap: prediction.overlap) }

    /// The prediction for slices that `planes` makes, channels × `plane`. `shows` keeps the
    /// classes' probabilities. `voxelVolume`, in cubic millimetres, serves a clean-up with sizes in
    /// millimetres. `check` is called before each batch; its errors end the work.
    func maps(
        shape: VolumeShape, plane: PlaneSize, isTiled: Bool, planes: @Sendable (Int) -> [Float], shows: Bool,
        voxelVolume: Double? = nil, check: () throws -> Void, progress: (_ slices: Int) -> Void
    ) throws -> VolumeMaps {
        let window = isTiled ? window(plane) : nil
        let (classes, maps) = (network.classes, ProbabilityMaps.count(classes: network.classes, passes: passes))
        let shown = !shows ? 0..<0 : classes == 1 ? 0..<1 : 1..<classes
        let slices = max(1, batchSize / (window?.count ?? 1))
        let mapped = window == nil ? 8 * networkSize.count : 8 * maps * (plane.count + shape.plane.count)
        let perSlice = 4 * network.inputChannels * plane.count + mapped
        try DataError.requireMemory(
            // The labels, once more when they are turned back, and once while they are gathered.
            (3 + 2 * shown.count + (prediction.measuresDoubt ? 2 : 0)) * shape.count + slices * perSlice
                + batchSize * (8 * maps * passes + 4 * network.inputChannels) * networkSize.count,
            for: "a volume of \(shape)", remedy: "Crop the volume, or save it at a larger spacing.")
        var (labels, uncertainty): ([UInt8], [UInt8]) = ([], [])
        labels.reserveCapacity(shape.count)
        var probabilities = [[UInt8]](repeating: [], count: shown.count)
        var doubt = DoubtSum(classes: classes, maps: maps)
        let resizer = SliceResizer(slice: shape.plane, network: networkSize)
        let size = window == nil ? networkSize : plane
        let (from, to) = ((height: size.height, width: size.width), (height: shape.height, width: shape.width))
        let areLabelsEnough = window == nil && passes == 1 && !shows && !prediction.measuresDoubt
        for start in stride(from: 0, to: shape.depth, by: slices) {
            try check()
            let count = min(slices, shape.depth - start)
            let seen = Parallel.map(count) { window == nil ? resizer.prepare(planes(start + $0)) : planes(start + $0) }
            guard !areLabelsEnough else {
                labels += try wholeLabels(of: seen, resizer)
                progress(start + count)
                continue
            }
            let found =
                try window.map { window in
                    try window.maps(of: seen, maps: maps, batchSize: batchSize) { try answer($0, batch: $1).values }
                } ?? wholeMaps(of: seen)
            labels += Parallel.map(count) { index in
                guard window != nil else {
                    return resizer.restore(ProbabilityMaps.labels(found[index], classes: classes, area: size.count, threshold: threshold))
                }
                let p = Array(found[index].prefix(classes * size.count))
                return classes == 1
                    ? Masks.foreground(p, from: from, to: to, threshold: threshold) : Masks.labels(p, classes: classes, from: from, to: to)
            }.flatMap(\.self)
            for planes in found {
                for (place, c) in shown.enumerated() {
                    Resize.bilinearRows(Array(planes[c * size.count..<(c + 1) * size.count]), from: from, to: to) { _, row in
                        probabilities[place] += row.map { UInt8(min(max($0, 0), 1) * 255 + 0.5) }
                    }
                }
                guard prediction.measuresDoubt else { continue }
                let answer = ProbabilityMaps.labels(planes, classes: classes, area: size.count, threshold: threshold)
                let entropy = doubt.add(planes, labels: answer).map(Float.init)
                Resize.bilinearRows(entropy, from: from, to: to) { _, row in uncertainty += row.map { UInt8(min($0 + 0.5, 255)) } }
            }
            progress(start + count)
        }
        try cleanUp.apply(to: &labels, shape: shape, classes: classes, voxelVolume: voxelVolume)
        return VolumeMaps(
            labels: try LabelVolume(shape: shape, labels: labels), probabilities: probabilities, uncertainty: uncertainty,
            doubt: prediction.measuresDoubt ? doubt.doubt : nil)
    }

    /// The maps of slices of the network's size, each maps × rows × columns.
    private func wholeMaps(of slices: [[Float]]) throws -> [[Float]] {
        let found = try answer(slices.flatMap(\.self), batch: slices.count)
        return slices.indices.map(found.picture)
    }

    /// Labels of slices of the network's size, restored to their own; probabilities are not
    /// computed.
    private func wholeLabels(of slices: [[Float]], _ resizer: SliceResizer) throws -> [UInt8] {
        let logits = try network.answer(
            slices.flatMap(\.self), batch: slices.count, height: networkSize.height, width: networkSize.width)
        guard logits.isFinite else { throw Self.overflow }
        return Parallel.map(slices.count) { resizer.restore(logits.answer($0).labels(threshold: threshold)) }.flatMap(\.self)
    }

    private func answer(_ images: [Float], batch: Int) throws -> ProbabilityMaps {
        let found = try network.maps(images, batch: batch, height: networkSize.height, width: networkSize.width)
        guard found.isFinite else { throw Self.overflow }
        return found
    }

    /// The error for an output that is NaN or infinite.
    private static var overflow: VolumeError {
        VolumeError(operation: "network", expected: "finite values", got: "some that are too large or not a number")
    }
}
