/// The score of one class in one volume: voxel counts, Dice and HD95.
public struct ClassScore: Sendable, Codable, Equatable {
    /// The class's number in the labels.
    public let value: Int
    public let name: String
    /// Voxels of the class in the prediction, in the label, and in both at once.
    public let predicted: Int
    public let labelled: Int
    public let both: Int
    /// The 95th percentile surface distance in the unit of the spacing; nil unless the class is in both volumes.
    public let hd95: Double?

    public init(value: Int, name: String, predicted: Int, labelled: Int, both: Int, hd95: Double?) {
        self.value = value
        self.name = name
        self.predicted = predicted
        self.labelled = labelled
        self.both = both
        self.hd95 = hd95
    }

    private enum Keys: String, CodingKey { case value, name, predicted, labelled, both, presence, dice, hd95 }

    /// Dice and presence are written for readers; absent numbers are null, so that every key is there.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(value, forKey: .value)
        try container.encode(name, forKey: .name)
        try container.encode(predicted, forKey: .predicted)
        try container.encode(labelled, forKey: .labelled)
        try container.encode(both, forKey: .both)
        try container.encode(presence, forKey: .presence)
        try container.encode(dice, forKey: .dice)
        try container.encode(hd95, forKey: .hd95)
    }

    /// Where the class is.
    public enum Presence: String, Sendable, Codable {
        case both, predictedOnly = "predicted_only", missed, absent
    }

    public var presence: Presence {
        switch (predicted > 0, labelled > 0) {
        case (true, true): .both
        case (true, false): .predictedOnly
        case (false, true): .missed
        case (false, false): .absent
        }
    }

    /// 2·both / (predicted + labelled), 0 where the class is in one volume alone; nil where it is in neither.
    public var dice: Double? {
        presence == .absent ? nil : 2 * Double(both) / Double(predicted + labelled)
    }

    /// Dice and HD95 as the published code scores them: predicted where there is none counts as (1, 0), missed or absent as (0, 0).
    public var published: (dice: Double, hd95: Double) {
        switch presence {
        case .both: (dice ?? 0, hd95 ?? 0)
        case .predictedOnly: (1, 0)
        case .missed, .absent: (0, 0)
        }
    }

    /// Dice and HD95 as they are: nil where the class is in neither volume, (0, ∞) where it is in one alone.
    public var honest: (dice: Double, hd95: Double)? {
        dice.map { ($0, hd95 ?? .infinity) }
    }
}

/// The scores of one volume, a class each.
public struct VolumeScores: Sendable, Codable, Equatable {
    /// The case's name.
    public let name: String
    /// Whether distances are in millimetres or in voxels.
    public let unit: DistanceUnit
    public let classes: [ClassScore]

    public enum DistanceUnit: String, Sendable, Codable {
        case voxels, millimetres
    }

    public init(name: String, unit: DistanceUnit, classes: [ClassScore]) {
        self.name = name
        self.unit = unit
        self.classes = classes
    }

    /// Scores `prediction` against `label` for every class but background (SPEC §3).
    ///
    /// - Parameters:
    ///   - classNames: the name of every class, background first.
    ///   - millimetres: the voxel spacing where it is known; nil counts distances in voxels, as published scores do.
    /// Throws `VolumeError` where the shapes differ, a label has no name, or the spacing is not positive.
    public init(
        name: String, prediction: LabelVolume, label: LabelVolume, classNames: [String], millimetres: VoxelSpacing? = nil
    ) throws(VolumeError) {
        guard (1...256).contains(classNames.count) else {
            throw VolumeError(operation: "volume scores", expected: "1…256 class names", got: "\(classNames.count)")
        }
        let values = (0..<classNames.count).dropFirst().map { UInt8($0) }
        let pairs = try Self.pairs(
            prediction, label, classes: values, spacing: millimetres ?? .voxels, distances: true, largest: classNames.count - 1)
        self.init(
            name: name, unit: millimetres == nil ? .voxels : .millimetres,
            classes: pairs.map { score in
                ClassScore(
                    value: score.value, name: classNames[score.value], predicted: score.predicted, labelled: score.labelled,
                    both: score.both, hd95: score.hd95)
            })
    }

    /// Memory that the distance transforms of all threads may take together, in bytes; one transform runs even where it needs more.
    private static let transformMemory = 1 << 29

    static func pairs(
        _ prediction: LabelVolume, _ label: LabelVolume, classes: [UInt8], spacing: VoxelSpacing, distances: Bool, largest: Int = 255
    ) throws(VolumeError) -> [ClassScore] {
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

        // Two tasks a class, one for each direction, the largest first, so that no core waits long at the end.
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
            let both = zip(directions, measured).filter { $0.0.value == value }.flatMap(\.1)
            return ClassScore(
                value: Int(value), name: "\(value)", predicted: entry.predicted, labelled: entry.labelled, both: entry.both,
                hd95: SurfaceDistance.percentile95(both))
        }
    }
}
