import ArgumentParser
import DICOM
import Files
import Imaging
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The inputs of one `predict`, in order. A failing input does not end the others.
struct PredictionBatch {
    let command: Predict
    let list: InputList
    let segmenter: Segmenter
    let target: PredictionTarget
    let weights: [URL]
    let digest: WeightsDigest
    let names: ResultNames
    let wanted: WantedResults
    let codes: SegmentCodes
    /// The share of the list that this process segments; nil for all.
    let shard: Shard?
    /// The share's positions in the list.
    let positions: [Int]
    /// The inputs' real paths, so that no result replaces one.
    let sources: Set<String>
    let stop = StopSignal(
        "stopping after this input; interrupt again to stop at once", termination: "stopping; a volume that is not done yet is given up")
    /// Keeps another process from giving its results the names of these.
    private let lock: FolderLock?
    /// Results that `predictions.json` beside an only result's file lists.
    private var listed: [String] = []

    var file: PredictionFile?
    /// The places of inputs that this run has listed before their turn.
    private var reserved: Set<String> = []
    /// The table as it was when this run began.
    private let earlier: PredictionFile?
    var records: [PredictionRecord] = []
    var failures: [String]
    var skipped = 0
    var hasLabelMaps = false
    private let bar = WorkBar("segmenting")
    var told: Set<String> = []
    /// Inputs that have changed since the results that these replace.
    var changed: [String] = []

    init(
        _ command: Predict, _ list: InputList, _ segmenter: Segmenter, _ target: PredictionTarget, weights: [URL], digest: WeightsDigest
    ) throws {
        (self.command, self.list, self.segmenter, self.target) = (command, list, segmenter, target)
        (self.weights, self.digest) = (weights, digest)
        var wanted = WantedResults(format: target.format ?? command.format, overlay: command.overlay, statistics: command.statistics)
        if command.probabilities { wanted.probabilityClasses = segmenter.network.classes }
        wanted.uncertainty = command.uncertainty
        self.wanted = wanted
        codes = try command.segmentCodes.map { try SegmentCodes(URL(filePath: $0)) } ?? SegmentCodes()
        sources = Set((list.items.map(\.url) + weights).map(FolderListing.target))
        failures = list.failures.map { "\($0.path): \($0.reason)" }
        let shard = try command.sharing.chosen()
        self.shard = shard
        positions = list.items.indices.filter { shard?.contains($0) ?? true }
        lock = try target.lock(isShared: shard != nil, stop)
        if case .file(let url) = target {
            listed = (try? PredictionFile(in: url.deletingLastPathComponent()))?.files(exceptOfPlaces: []) ?? []
        }
        file = try target.recordFolder.map { try PredictionFile(in: $0, shard: shard) }
        // A share's own table does not list the others' results.
        let all = try shard == nil ? file : target.recordFolder.map { try PredictionFile(in: $0) }
        earlier = file
        names = target.names(list.items, wanted, earlier: all)
        try reserve()
    }

    /// Lists the inputs whose turn will come, so that whatever ends this process, no other input gets
    /// the name of a result that it has written.
    private mutating func reserve() throws {
        guard let earlier = file else { return }
        for index in positions {
            let item = list.items[index], place = InputIdentity.place(item)
            guard let name = names.names[index], earlier.mask(ofPlace: place) == nil else { continue }
            let results = target.results(item, name: name, wanted).all.map(\.lastPathComponent)
            var record = PredictionRecord(
                input: item.path, source: InputIdentity(place: place), files: results, weights: "", settings: settings(item))
            record.error = PredictionRecord.unfinished
            file?.add(record)
            reserved.insert(place)
        }
        try file?.write()
    }

    mutating func run() throws {
        Console.tell(segmenter, weights)
        tellMapping()
        tellWork()
        var lastSaved = ContinuousClock.now
        var isStopped = false
        var (next, most) = (0, 1)
        while next < positions.count {
            let began = ContinuousClock.now
            let group = group(from: next, most: most)
            guard try work(on: group) else {
                isStopped = true
                break
            }
            next = group.upperBound
            // Between groups, records are saved: about once a second.
            let time = ContinuousClock.now - began
            if time < .milliseconds(700) { most = min(2 * most, 256) } else if time > .seconds(3) { most = max(1, most / 2) }
            if ContinuousClock.now - lastSaved > .seconds(2) {
                save()
                lastSaved = .now
            }
        }
        Console.status("")
        file?.removeUnfinished(reserved)
        save()
        if !isStopped { try join() }
        if hasLabelMaps, let folder = target.recordFolder { try VolumeResults.writeTables(segmenter.labels, in: folder) }
        try finish()
        if isStopped {
            Console.note("stopped: \(records.count) of \(positions.count) are done; continue with --skip-done")
            throw ExitCode(ExitStatus.interrupted)
        }
        guard failures.isEmpty else {
            let shown = failures.prefix(12).map { "  " + $0 }
            let rest = failures.count - shown.count
            throw InputError(
                "\(failures.count) could not be segmented:\n" + shown.joined(separator: "\n") + (rest > 0 ? "\n  … and \(rest) more" : ""))
        }
    }

    // MARK: Some inputs

    /// The range of positions to segment at the same time: one volume, or up to `most` pictures.
    private func group(from first: Int, most: Int) -> Range<Int> {
        var end = first + 1
        guard most > 1, isOneOfMany(positions[first]) else { return first..<end }
        while end < positions.count, end - first < most, isOneOfMany(positions[end]) { end += 1 }
        return first..<end
    }

    private func isOneOfMany(_ index: Int) -> Bool {
        let item = list.items[index]
        return !item.isVolume && PictureWork.isOneOfMany(item.url)
    }

    /// Returns false if a signal kept some from being started.
    private mutating func work(on group: Range<Int>) throws -> Bool {
        var plans: [Result<Plan?, any Error>] = []
        var works: [PictureWork] = []
        for index in positions[group] {
            let item = list.items[index]
            do {
                let plan = try plan(index)
                plans.append(.success(plan))
                guard let plan, !item.isVolume else { continue }
                tellOnce(segmenter.convention.pictureAssumptions)
                works.append(PictureWork(picture: item.url, results: plan.results))
            } catch {
                plans.append(.failure(error))
            }
        }
        let (count, first, pictures) = (positions.count, group.lowerBound, works)
        if let picture = pictures.first?.picture { Self.tell(bar, first, of: count, picture) }
        var segmented = PictureWork.run(pictures, segmenter, stop: stop) { [bar] done, index in
            Self.tell(bar, first + done, of: count, pictures[index].picture)
        }[...]
        var isComplete = true
        for (number, plan) in zip(group, plans) {
            let item = list.items[positions[number]]
            do {
                guard let plan = try plan.get() else { continue }
                let classes: [PredictionRecord.ClassAmount], doubt: Doubt?
                var familiarity: PredictionRecord.Familiarity?
                if item.isVolume {
                    if stop.isSet { return false }
                    Self.tell(bar, number, of: count, item.url)
                    do { (classes, doubt) = try volume(item, plan.results) } catch is Terminated { return false }
                } else {
                    guard let found = try segmented.popFirst()??.get() else {
                        isComplete = false
                        continue
                    }
                    doubt = found.doubt
                    familiarity = tellFamiliarity(item, found.distance)
                    let pixels = found.counts.reduce(0, +)
                    classes = amounts(found.counts) { .init(label: $0, name: segmenter.name(of: $0), pixels: $1, of: pixels) }
                }
                var record = PredictionRecord(
                    input: item.path, source: plan.source, files: plan.results.all.map(\.lastPathComponent), classes: classes,
                    weights: recordedDigest, settings: plan.settings)
                if let source = plan.source, file?.hasChanged(source) == true { changed.append(item.path) }
                (record.doubt, record.familiarity) = (doubt, familiarity)
                add(record)
            } catch {
                try fail(item, error)
            }
        }
        return isComplete
    }

    private static func tell(_ bar: WorkBar, _ done: Int, of count: Int, _ input: URL) {
        if count > 1 { bar.show(done, of: count, input.lastPathComponent) }
    }

    // MARK: One input

    /// The files to make from an input, and what to record.
    private struct Plan {
        let source: InputIdentity?
        let results: ResultFiles
        let settings: PredictionRecord.Settings
    }

    /// The plan for an input; nil if it was done before.
    private mutating func plan(_ index: Int) throws -> Plan? {
        let item = list.items[index]
        guard let name = names.names[index] else {
            throw InputError("its path gives its results no unique name; segment it separately")
        }
        let results = target.results(item, name: name, wanted)
        try check(item, results.all)
        let settings = settings(item), source = isRecorded ? InputIdentity(item) : nil
        if command.skipDone || (shard != nil && file != nil), let done = done(item, source, results.all, settings) {
            records.append(done)
            skipped += 1
            return nil
        }
        try requireFittingKind(item)
        if item.isVolume { try (wanted.format ?? VolumeOutput(for: item)).requireFitting(item) }
        return Plan(source: source, results: results, settings: settings)
    }

    /// Empty if nobody will read it: computing it takes time.
    var recordedDigest: String { isRecorded ? digest.value : "" }

    private var isRecorded: Bool { file != nil || command.json }

    private mutating func add(_ record: PredictionRecord) {
        records.append(record)
        file?.add(record)
    }

    /// Throws if a result could not be written, or would replace a file that is not ours.
    private func check(_ item: InputList.Item, _ results: [URL]) throws {
        for result in results {
            if sources.contains(FolderListing.target(result)) {
                throw InputError("\(result.relativePath) would replace a file that is read here; choose another --output")
            }
            if listed.contains(result.standardizedFileURL.path) {
                throw InputError(
                    "\(result.relativePath) is a result that \(PredictionFile.name) beside it lists; choose another name, or name the folder"
                )
            }
            guard result.lastPathComponent.utf8.count <= Self.longestName else {
                throw InputError(
                    "its result's name would be \(result.lastPathComponent.utf8.count) bytes long, and the limit is \(Self.longestName); rename it"
                )
            }
            if let earlier, shard == nil, !command.force, FileManager.default.fileExists(atPath: result.path),
                !earlier.lists(result.standardizedFileURL.path, ofPlace: InputIdentity.place(item))
            {
                throw InputError(
                    "\(result.relativePath) exists already, and \(PredictionFile.name) does not list it as this input's; choose another "
                        + "--output, or replace it with --force")
            }
            if case .beside = target, !command.force, !command.skipDone, FileManager.default.fileExists(atPath: result.path) {
                throw InputError("\(result.relativePath) already exists; name a folder with --output, or replace it with --force")
            }
        }
    }

    /// The longest file name in bytes.
    private static let longestName = 255

    private func requireFittingKind(_ item: InputList.Item) throws {
        let channels = segmenter.network.inputChannels
        guard item.isVolume || channels == 3 else {
            throw InputError(
                "is a picture of three channels, and the network of these weights takes \(channels == 1 ? "one" : "\(channels)"); "
                    + "name others with --weights")
        }
        guard !command.force, let kind = segmenter.metadata.input, (kind == .volumes) != item.isVolume else { return }
        let trained = [segmenter.metadata.modality, kind.rawValue].compactMap(\.self).joined(separator: " ")
        throw InputError(
            "is a \(item.isVolume ? "volume" : "picture"), and these weights were trained on \(trained); "
                + "name others with --weights, or use --force")
    }

    func settings(_ item: InputList.Item) -> PredictionRecord.Settings {
        let convention = segmenter.convention
        var settings = PredictionRecord.Settings(
            weights: weights.map(\.lastPathComponent).joined(separator: " + "), imageSize: segmenter.imageSize,
            threshold: segmenter.network.classes == 1 ? (Double(segmenter.threshold) * 1e6).rounded() / 1e6 : nil,
            precision: (command.compute.precision ?? .fp32).rawValue,
            valueRange: Double(item.isVolume ? convention.volumeScale : convention.pictureScale),
            window: item.isVolume ? command.input.window?.description ?? (item.isArray ? "none" : convention.mapping) : nil,
            voxelOrder: item.isVolume && !item.isArray ? convention.voxelOrder?.description : nil)
        if segmenter.isTiled { (settings.tile, settings.overlap) = (segmenter.imageSize, segmenter.prediction.overlap) }
        if !segmenter.cleanUp.isEmpty { settings.cleanUp = segmenter.cleanUp.description }
        if segmenter.prediction.augmentation != .none { settings.augmentation = segmenter.prediction.augmentation }
        return settings
    }

    private func done(
        _ item: InputList.Item, _ source: InputIdentity?, _ results: [URL], _ settings: PredictionRecord.Settings
    ) -> PredictionRecord? {
        if let file, let source {
            let record = file.finished(source, weights: recordedDigest, settings: settings)
            return record?.files == results.map(\.lastPathComponent) ? record : nil
        }
        guard results.allSatisfy({ FileManager.default.fileExists(atPath: $0.path) }) else { return nil }
        return PredictionRecord(
            input: item.path, source: source, files: results.map(\.lastPathComponent), weights: recordedDigest, settings: settings)
    }

    func amounts(
        _ counts: [Int], _ amount: (_ label: Int, _ count: Int) -> PredictionRecord.ClassAmount
    ) -> [PredictionRecord.ClassAmount] {
        let classes = segmenter.network.classes
        // In a binary network's result, the foreground is 255 in a picture, 1 in a volume.
        return classes == 1 ? [amount(1, counts[1] + counts[255])] : (1..<classes).map { amount($0, counts[$0]) }
    }

    /// Masks remain valid without their record, so report only once that it cannot be written.
    private mutating func save() {
        do { try file?.write() } catch {
            let text = Failure.message(of: error)
            if told.insert(text).inserted { failures.append(text) }
        }
    }
}
