import Files
import Imaging
import Synchronization

/// The slices of a set's volumes as a network is trained on them: in the plan's voxel order and at
/// its spacing, neighbouring slices as further channels, cut to the network's size.
struct CaseSlices: SegmentationDataset {
    private let store: CaseStore
    /// The source of each sample. In training, slices with rare classes come several times.
    private let slices: [(volume: Int, slice: Int)]
    /// Classes that occur in a slice or more.
    private let found: Set<UInt8>
    private let augmentation: SliceAugmentation
    private let size: PlaneSize
    private let classNames: [String]
    private let ignoredLabel: UInt8?
    private let neighbors: Int
    /// The folder of the labels.
    private let folder: String
    /// Oddities of the files.
    let notes: CaseNotes
    let classes: Int

    /// Reads every case once. With `repeats`, slices with rare classes come several times.
    ///
    /// Throws one ``DataError`` that names every case which does not fit.
    init(_ cases: [VolumeCase], _ settings: DataSettings, description: VolumeSetDescription, repeats: Bool) throws(DataError) {
        let layout = settings.dataset.layout
        store = CaseStore(
            cases, CaseReader(description: description), InputConvention(layout.origin(settings)), limit: DataLoader.defaultCacheBytes)
        size = PlaneSize(height: settings.imageSize, width: settings.imageSize)
        augmentation = SliceAugmentation(zoomJitter: settings.zoomJitter, colorJitter: settings.colorJitter)
        neighbors = settings.neighbors ?? 0
        (classNames, ignoredLabel, classes) = (description.classNames, description.ignoredLabel, description.classNames.count)
        folder = cases.first?.label.deletingLastPathComponent().path ?? settings.path
        let presence: [[Set<UInt8>]]
        (presence, notes) = try Self.presence(store, path: settings.path)
        found = presence.reduce(into: []) { found, slices in for labels in slices { found.formUnion(labels) } }
        slices = Self.samples(presence, classes: classes, repeats: repeats)
    }

    /// The classes of each case's slices, and what is odd about the files.
    private static func presence(_ store: CaseStore, path: String) throws(DataError) -> ([[Set<UInt8>]], CaseNotes) {
        let results = Parallel.map(store.cases.count) { index in
            Result { () throws(DataError) -> ([Set<UInt8>], [String]) in
                let content = try store.content(index)
                let labels = content.labels
                let slices = (0..<labels.shape.depth).map { slice in
                    var isUsed = [Bool](repeating: false, count: 256)
                    let area = labels.shape.plane.count
                    for label in labels.labels[slice * area..<(slice + 1) * area] { isUsed[Int(label)] = true }
                    return Set((0..<256).filter { isUsed[$0] }.map { UInt8($0) })
                }
                return (slices, content.notes)
            }
        }
        var (presence, notes, faults) = ([[Set<UInt8>]](), CaseNotes(), [DataError]())
        for (one, result) in zip(store.cases, results) {
            switch result {
            case .success(let (slices, clauses)):
                presence.append(slices)
                notes.add(clauses, of: one.name)
            case .failure(let fault): faults.append(fault)
            }
        }
        if let error = DataError.joined(faults, path: path) { throw error }
        return (presence, notes)
    }

    /// Every slice; with `repeats`, those with rare classes several times.
    private static func samples(_ presence: [[Set<UInt8>]], classes: Int, repeats: Bool) -> [(volume: Int, slice: Int)] {
        let all = presence.enumerated().flatMap { index, slices in slices.indices.map { (volume: index, slice: $0) } }
        guard repeats else { return all }
        let counts = RepeatFactors.repeats(presence.flatMap(\.self), classes: classes)
        return zip(all, counts).flatMap { Array(repeating: $0, count: $1) }
    }

    // MARK: SegmentationDataset

    var count: Int { slices.count }

    func name(at index: Int) -> String { "\(store.cases[slices[index].volume].name) slice \(slices[index].slice + 1)" }

    /// Notes on classes that no slice holds. For training, there must be a class to learn.
    func verify(forTraining: Bool) throws -> [String] {
        if forTraining, found.isSubset(of: [0, ignoredLabel ?? 0]) { throw SliceFindings.uniform(folder) }
        let missing = classNames.indices.dropFirst().filter { !found.contains(UInt8($0)) }
        guard !missing.isEmpty else { return [] }
        let names = missing.prefix(8).map { "\($0) (\(classNames[$0]))" }.joined(separator: ", ")
        return ["declared, but in no case: label\(missing.count == 1 ? "" : "s") \(names)\(missing.count > 8 ? " and others" : "")"]
    }

    /// A slice at the plan's spacing, of its own size.
    func load(at index: Int) throws -> Sample {
        let (which, slice) = slices[index]
        let content = try store.content(which)
        let plane = content.volume.plane
        return Sample(
            image: content.volume.planes(at: slice), channels: content.volume.planeCount, height: plane.height, width: plane.width,
            target: .labels(resampled(content.labels.slice(slice), from: content.labels.shape.plane, to: plane)), name: name(at: index))
    }

    /// Labels at another spacing: of each pixel the class that covers most of it.
    private func resampled(_ labels: [UInt8], from: PlaneSize, to: PlaneSize) -> [UInt8] {
        guard from != to else { return labels }
        let used = Set(labels).sorted()
        guard used.count > 1 else { return [UInt8](repeating: used.first ?? 0, count: to.count) }
        let shares = used.flatMap { label in labels.map { $0 == label ? Float(1) : 0 } }
        return Masks.labels(shares, classes: used.count, from: (from.height, from.width), to: (to.height, to.width)).map { used[Int($0)] }
    }

    /// A patch of the network's size: in training varied, and often around a pixel of a class;
    /// otherwise around the middle of the labelled pixels.
    func prepare(_ sample: Sample, random: CounterRandom?) -> Sample {
        let draw = random.map(augmentation.draw)
        var patch = Patch(draw?.patch, of: sample.labels(classes: classes, ignoring: ignoredLabel), size: size)
        if let draw { patch = patch.varied(draw) }
        var prepared = sample.cut(patch)
        if let draw, draw.gain != 1 || draw.offset != 0 {
            for i in prepared.image.indices { prepared.image[i] = prepared.image[i] * draw.gain + draw.offset }
        }
        return prepared
    }

    /// The slice itself, without its neighbours, as validation sees it.
    func picture(at index: Int) throws -> Picture? {
        let sample = try prepare(load(at: index), random: nil)
        let own = Array(sample.image[neighbors * size.count..<(neighbors + 1) * size.count])
        let (low, high) = (own.min() ?? 0, own.max() ?? 0)
        let grey = own.map { high > low ? UInt8((($0 - low) / (high - low) * 255).rounded()) : 0 }
        return Picture(width: size.width, height: size.height, channels: 1, pixels: grey).rgb
    }
}

/// Cases as they were read, so that a volume is not read again for each of its slices.
final class CaseStore: Sendable {
    struct Content: Sendable {
        let volume: PreparedVolume
        /// In the plan's voxel order.
        let labels: LabelVolume
        /// Oddities of the files, a clause each.
        let notes: [String]

        var byteCount: Int { volume.byteCount + labels.labels.count }
    }

    private struct Kept {
        var contents: [Int: (content: Content, use: Int)] = [:]
        var bytes = 0
        var uses = 0
    }

    let cases: [VolumeCase]
    private let reader: CaseReader
    private let convention: InputConvention
    private let limit: Int
    private let kept = Mutex(Kept())

    /// `limit` is in bytes; the least recently used cases go first.
    init(_ cases: [VolumeCase], _ reader: CaseReader, _ convention: InputConvention, limit: Int) {
        (self.cases, self.reader, self.convention, self.limit) = (cases, reader, convention, limit)
    }

    /// Throws ``DataError``, which names the case.
    func content(_ index: Int) throws(DataError) -> Content {
        if let known = kept.withLock({ kept in use(index, of: &kept) }) { return known }
        let read = try reader.read(cases[index])
        let volume = try PreparedVolume(read.channels, path: cases[index].name, convention: convention)
        let labels: LabelVolume
        do throws(VolumeError) {
            let turn = volume.turnBack.inverse
            labels = try LabelVolume(
                shape: turn.applied(to: read.labels.shape), labels: turn.applied(to: read.labels.labels, read.labels.shape))
        } catch { throw DataError(.shape, path: cases[index].name, error.description, remedy: "") }
        let content = Content(volume: volume, labels: labels, notes: read.notes)
        kept.withLock { kept in keep(content, index, in: &kept) }
        return content
    }

    private func use(_ index: Int, of kept: inout Kept) -> Content? {
        guard let known = kept.contents[index] else { return nil }
        kept.uses += 1
        kept.contents[index]?.use = kept.uses
        return known.content
    }

    private func keep(_ content: Content, _ index: Int, in kept: inout Kept) {
        guard kept.contents[index] == nil, content.byteCount <= limit else { return }
        while kept.bytes + content.byteCount > limit, let oldest = kept.contents.min(by: { $0.value.use < $1.value.use }) {
            kept.bytes -= oldest.value.content.byteCount
            kept.contents[oldest.key] = nil
        }
        kept.uses += 1
        kept.contents[index] = (content, kept.uses)
        kept.bytes += content.byteCount
    }
}
