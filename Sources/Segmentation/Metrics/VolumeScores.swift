/// One volume's scores, by class.
public struct VolumeScores: Sendable, Codable, Equatable {
    /// The case's name.
    public let name: String
    /// The unit of distances.
    public let unit: DistanceUnit
    /// Each class's scores, without the background.
    public let classes: [ClassScore]

    /// The unit of distances.
    public enum DistanceUnit: String, Sendable, Codable {
        case voxels, millimetres
    }

    /// Known scores.
    public init(name: String, unit: DistanceUnit, classes: [ClassScore]) {
        self.name = name
        self.unit = unit
        self.classes = classes
    }

    /// Scores `prediction` against `label` for every class except the background.
    ///
    /// `classNames` has the name of every class, background first. If there are `regions`, they are
    /// scored instead, numbered from 1. `millimetres` is the voxel spacing; if nil, distances are
    /// counted in voxels, as in published scores.
    ///
    /// Throws `VolumeError` if the shapes differ, a label has no name, or the spacing is not
    /// positive.
    public init(
        name: String, prediction: LabelVolume, label: LabelVolume, classNames: [String], regions: [LabelRegion] = [],
        millimetres: VoxelSpacing? = nil, metrics: [VolumeMetric] = VolumeMetric.published
    ) throws(VolumeError) {
        guard (1...256).contains(classNames.count) else {
            throw VolumeError(operation: "volume scores", expected: "1…256 class names", got: "\(classNames.count)")
        }
        guard regions.isEmpty else {
            var classes: [ClassScore] = []
            for (index, region) in regions.enumerated() {
                let measured = try Self.measure(
                    prediction.merging(region.labels), label.merging(region.labels), classes: [1], spacing: millimetres ?? .voxels,
                    distances: metrics.contains(where: \.needsDistances))
                classes.append(ClassScore(value: index + 1, name: region.name, measurement: measured[0], metrics: metrics))
            }
            self.init(name: name, unit: millimetres == nil ? .voxels : .millimetres, classes: classes)
            return
        }
        let values = (0..<classNames.count).dropFirst().map { UInt8($0) }
        let measured = try Self.measure(
            prediction, label, classes: values, spacing: millimetres ?? .voxels,
            distances: metrics.contains(where: \.needsDistances), largest: classNames.count - 1)
        self.init(
            name: name, unit: millimetres == nil ? .voxels : .millimetres,
            classes: zip(values, measured).map { value, measurement in
                ClassScore(value: Int(value), name: classNames[Int(value)], measurement: measurement, metrics: metrics)
            })
    }

    /// The memory for the distance transforms of all threads, in bytes. One transform runs even if
    /// it needs more.
    private static let transformMemory = 1 << 29

    /// Counts each class, and measures the distances between its surfaces if it is in both volumes
    /// and a metric needs them.
    static func measure(
        _ prediction: LabelVolume, _ label: LabelVolume, classes: [UInt8], spacing: VoxelSpacing, distances: Bool, largest: Int = 255
    ) throws(VolumeError) -> [ClassMeasurement] {
        guard prediction.shape == label.shape else {
            throw VolumeError(operation: "volume scores", expected: "a prediction of \(label.shape)", got: "\(prediction.shape)")
        }
        guard spacing.isUsable else {
            throw VolumeError(operation: "volume scores", expected: "a positive voxel spacing", got: "\(spacing)")
        }
        let census = VolumeCensus(prediction: prediction, label: label)
        if let value = census.entries.indices.last(where: { census.entries[$0].predicted + census.entries[$0].labelled > 0 }),
            value > largest
        {
            throw VolumeError(operation: "volume scores", expected: "labels of 0…\(largest)", got: "\(value)")
        }

        // Two tasks per class, one for each direction, largest first, so that no core waits long at
        // the end.
        struct Direction: Sendable {
            let value: UInt8
            let forward: Bool
            let box: VoxelBox
        }
        var directions: [Direction] = []
        for value in classes {
            let entry = census.entries[Int(value)]
            guard distances, entry.predicted > 0, entry.labelled > 0, let box = entry.box else { continue }
            directions += [Direction(value: value, forward: true, box: box), Direction(value: value, forward: false, box: box)]
        }
        directions.sort { $0.box.count > $1.box.count }
        let bytes = 2 * (directions.first?.box.count ?? 1)
        let measured = Parallel.map(directions.count, limit: max(1, transformMemory / bytes)) { [directions] index in
            let direction = directions[index]
            return prediction.labels.withUnsafeBufferPointer { p in
                label.labels.withUnsafeBufferPointer { l in
                    let predicted = VoxelSet(labels: p.baseAddress!, shape: label.shape, value: direction.value)
                    let labelled = VoxelSet(labels: l.baseAddress!, shape: label.shape, value: direction.value)
                    return SurfaceDistance.directed(
                        from: direction.forward ? predicted : labelled, to: direction.forward ? labelled : predicted,
                        box: direction.box, spacing: spacing)
                }
            }
        }

        return classes.map { value in
            let entry = census.entries[Int(value)]
            func found(forward: Bool) -> [Double] {
                zip(directions, measured).first { $0.0.value == value && $0.0.forward == forward }?.1 ?? []
            }
            return ClassMeasurement(
                predicted: entry.predicted, labelled: entry.labelled, both: entry.both,
                distances: SurfaceDistances(fromPrediction: found(forward: true), fromLabel: found(forward: false)))
        }
    }
}
