import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Decides once how a set's volumes meet the network: voxel order, spacing, intensities, size. The
/// run's configuration and its weights keep the decisions.
///
/// - Slices lie across the axis with the largest median spacing; if the axes differ by less than
///   a tenth, across the axis that most files store last.
/// - Slices are resampled to the median spacing within them. The distance between slices stays each
///   volume's own, as in nnU-Net's two-dimensional plans: interpolating thick slices invents
///   nothing.
/// - CT is mapped by a window from the 0.5th to the 99.5th percentile of the set's foreground, all
///   else by each volume's own mean and deviation, as in nnU-Net.
/// - The network's input is the least multiple of 32 that holds every slice, up to 256; larger
///   slices are cut.
struct VolumePlanner {
    private let settings: DataSettings
    private let cases: VolumeCases
    private let description: VolumeSetDescription
    private var facts: [Facts] = []

    /// The facts of a case that the plan depends on.
    private struct Facts: Sendable {
        var channels: Int
        var order: VoxelOrder?
        var spacing: VoxelSpacing?
        var shape: VolumeShape
        /// Of each channel some intensities inside the foreground.
        var foreground: [[Float]]
    }

    /// The settings with the plan, and lines for the user. What the settings give already is kept.
    /// `givenSize` tells whether the user chose the network's input size.
    ///
    /// Throws ``DataError`` that names every case which does not fit.
    static func plan(_ settings: DataSettings, givenSize: Bool) throws(DataError) -> DataSettings {
        var planner = try VolumePlanner(settings)
        try planner.read()
        return try planner.planned(givenSize: givenSize)
    }

    private init(_ settings: DataSettings) throws(DataError) {
        let directory = URL(filePath: settings.path)
        description = try NNUNet.description(settings)
        (self.settings, cases) = (settings, try VolumeCases(directory, part: "train", description: description))
    }

    private mutating func read() throws(DataError) {
        let reader = CaseReader(description: description)
        let results = Parallel.map(cases.cases) { one in Result { () throws(DataError) in try Self.facts(of: reader.read(one)) } }
        var faults = [cases.unpaired].compactMap(\.self)
        for result in results {
            switch result {
            case .success(let facts): self.facts.append(facts)
            case .failure(let fault): faults.append(fault)
            }
        }
        let placed = facts.count { $0.order != nil }
        if placed > 0, placed < facts.count {
            faults.append(misfit("\(facts.count - placed) cases do not say how their voxels lie, the others do"))
        }
        if Set(facts.map(\.channels)).count > 1 { faults.append(misfit("the cases have different numbers of channels")) }
        if facts.isEmpty, faults.isEmpty { faults.append(misfit("holds no cases")) }
        if let error = DataError.joined(faults, path: cases.directory.path) { throw error }
    }

    private func misfit(_ problem: String) -> DataError {
        DataError(
            .unpaired, path: cases.directory.path, problem, remedy: "Give every image its labels, and every case the same channels.")
    }

    private static func facts(of content: CaseReader.Content) -> Facts {
        let inside = content.labels.labels.indices.filter { content.labels.labels[$0] != 0 }
        let step = IntensityWindow.stride(inside.count, limit: 4096)
        let chosen = stride(from: 0, to: inside.count, by: step).map { inside[$0] }
        let area = content.labels.shape.plane.count
        let foreground = content.channels.map { channel in
            var (values, at, plane) = ([Float](), -1, [Float]())
            for voxel in chosen {
                if voxel / area != at { (at, plane) = (voxel / area, channel.slice(at: voxel / area)) }
                values.append(plane[voxel % area])
            }
            return values
        }
        let first = content.channels[0]
        return Facts(
            channels: content.channels.count, order: first.voxelOrder, spacing: first.spacing, shape: first.shape,
            foreground: foreground)
    }

    private func planned(givenSize: Bool) throws(DataError) -> DataSettings {
        var plan = settings
        let count = facts[0].channels
        let names = description.channels.isEmpty ? (0..<count).map { "channel \($0)" } : description.channels
        plan.channels = names
        plan.voxelOrder = settings.voxelOrder ?? (facts[0].order == nil ? nil : order)
        plan.spacing = settings.spacing ?? spacing(in: plan.voxelOrder)
        if plan.normalization == nil, plan.window == nil { plan.normalization = (0..<count).map { normalization($0, names[$0]) } }
        if plan.neighbors == nil { plan.neighbors = 3 * count <= VolumeFile.largestChannelCount ? 1 : 0 }
        guard plan.inputChannels <= VolumeFile.largestChannelCount else {
            throw DataError(
                .shape, path: settings.path,
                "has \(count) channels, with \(plan.neighbors ?? 0) neighbours on each side \(plan.inputChannels) of the network's input",
                remedy: "The network takes at most \(VolumeFile.largestChannelCount): lower data.neighbors (--neighbors).")
        }
        if !givenSize { plan.imageSize = size(plan) }
        plan.modality = settings.modality ?? description.modality
        return plan
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// The order whose slices lie across the least resolved axis.
    private var order: VoxelOrder? {
        guard let upright = VoxelOrder("RAS") else { return nil }
        let spacings = facts.compactMap { one in one.order.flatMap { order in one.spacing.map { order.turn(to: upright).applied(to: $0) } }
        }
        guard !spacings.isEmpty else { return nil }
        let medians = [
            ("ASR", Self.median(spacings.map(\.width))), ("RSA", Self.median(spacings.map(\.height))),
            ("RAS", Self.median(spacings.map(\.depth))),
        ]
        let (least, most) = (medians.min { $0.1 < $1.1 }?.1 ?? 1, medians.max { $0.1 < $1.1 })
        if let most, most.1 >= 1.1 * least { return VoxelOrder(most.0) }
        let stored = facts.compactMap { one in
            one.order?.description.last.map { "RL".contains($0) ? "ASR" : "AP".contains($0) ? "RSA" : "RAS" }
        }
        return Dictionary(stored.map { ($0, 1) }, uniquingKeysWith: +).max { ($0.value, $0.key) < ($1.value, $1.key) }
            .flatMap { VoxelOrder($0.key) }
    }

    private func turned<Value>(_ one: Facts, to order: VoxelOrder?, _ value: Value, _ turn: (VolumeTurn, Value) -> Value) -> Value {
        guard let order, let stored = one.order else { return value }
        return turn(stored.turn(to: order), value)
    }

    /// The median spacing of the turned volumes; nil if none is known.
    private func spacing(in order: VoxelOrder?) -> VoxelSpacing? {
        let all = facts.compactMap { one in one.spacing.map { turned(one, to: order, $0) { $0.applied(to: $1) } } }
        guard !all.isEmpty else { return nil }
        return VoxelSpacing(
            depth: Self.median(all.map(\.depth)), height: Self.median(all.map(\.height)), width: Self.median(all.map(\.width)))
    }

    private func normalization(_ channel: Int, _ name: String) -> Normalization {
        let modality = (description.channels.isEmpty ? settings.modality : name)?.lowercased() ?? ""
        switch modality {
        case "ct":
            let values = facts.flatMap { $0.foreground[channel] }
            let (low, high) = IntensityWindow.percentiles(ofSample: values)
            guard low < high else { return .window(.range) }
            return .window(.fixed(low: Double(low.rounded()), high: Double(high.rounded(.up))))
        case "nonorm", "no_normalization": return .window(.none)
        case "rescale_0_1", "rescale_to_0_1": return .window(.range)
        case "rgb_to_0_1": return .window(.fixed(low: 0, high: 255))
        default: return .zScore
        }
    }

    private func size(_ plan: DataSettings) -> Int {
        let sides = facts.map { one in
            let shape = turned(one, to: plan.voxelOrder, one.shape) { $0.applied(to: $1) }
            let spacing = one.spacing.map { turned(one, to: plan.voxelOrder, $0) { $0.applied(to: $1) } }
            let plane = shape.plane.resampled(from: spacing, to: plan.spacing)
            return max(plane.height, plane.width)
        }
        return min(max(((sides.max() ?? 256) + 31) / 32 * 32, 64), 256)
    }
}
