import Commands
import DICOM
import Files
import Foundation
import Imaging
import Segmentation
import TensorFiles

/// The task of a job's process: `work.json` beside its input.
struct VolumeWork: Codable, Sendable {
    static let name = "work.json"

    let kind: VolumeKind
    /// The weights' file, and its SHA-256.
    let weights: String
    let digest: String
    let threshold: Double?
    /// The most bytes of memory and seconds of processor time.
    let memory: Int
    let seconds: Int
    let archiveFiles: Int
    let archiveBytes: Int
    /// The most voxels; nil in the work of earlier versions.
    let voxels: Int?
    /// The network's device and precision; nil in the work of earlier versions.
    let device: Compute.Device?
    let precision: Compute.Precision?

    init(model: ServedModel, job: Job, limits: ServerLimits) {
        (kind, weights, digest, threshold) = (job.kind, model.url.path, model.digest, job.threshold)
        (memory, seconds) = (limits.jobMemory, limits.jobSeconds)
        (archiveFiles, archiveBytes, voxels) = (limits.archiveFiles, limits.archiveBytes, limits.voxels)
        (device, precision) = (model.compute.device, model.compute.precision)
    }
}

/// The command `job`: reads one volume, which may be damaged or hostile, and writes the result.
package enum VolumeWorker {
    /// Runs the work in a job's folder. Its result appears there as a whole, under `result`.
    package static func run(_ folder: URL, on backend: Backend) {
        var isArchive = false
        func refuse(_ problem: String, _ remedy: String) {
            let problem = withoutOptions(isArchive ? withoutNames(problem) : problem)
            tell(WorkNotice(problem: problem.printable(limit: 500), remedy: withoutOptions(remedy).printable(limit: 300)))
        }
        do {
            let work = try JSONDecoder().decode(VolumeWork.self, from: Data(contentsOf: folder.appending(path: VolumeWork.name)))
            isArchive = work.kind == .zip
            confine(work, usesGPU: work.device != .cpu && backend.isGPUPresent())
            try VolumeJob(folder: folder, work: work, networks: backend.networks).run()
        } catch is DiskFull {
            tell(WorkNotice(isDiskFull: true))
        } catch let error as any UserError {
            // The subject stays out: it is a path.
            refuse(error.problem, error.remedy)
        } catch let fault as Fault {
            refuse(fault.reason, fault.remedy)
        } catch {
            refuse("cannot be segmented", "tell whoever runs the server")
        }
    }

    /// Leaves out clauses with options of the command line, which the server's clients do not have,
    /// and the lists after them.
    static func withoutOptions(_ text: String) -> String {
        let line = text.prefix { !$0.isNewline }
        let clauses = line.split(separator: "; ").flatMap { $0.split(separator: ", or ") }.filter { !$0.contains("--") }
        return clauses.isEmpty ? "send one series or one volume" : clauses.joined(separator: "; ")
    }

    /// Replaces what is between quotes: the names of an archive's files, which may be patients',
    /// while the store keeps messages.
    static func withoutNames(_ problem: String) -> String {
        let characters = Array(problem)
        func isLetter(_ place: Int) -> Bool { characters.indices.contains(place) && characters[place].isLetter }
        // A name may have quotes itself, so all from the first to the last goes. Apostrophes stay.
        let quotes = characters.indices.filter { characters[$0] == "'" }
        guard let first = quotes.first(where: { !isLetter($0 - 1) }), let last = quotes.last(where: { !isLetter($0 + 1) }), first < last
        else { return problem }
        return String(characters[..<first]) + "a file in it" + String(characters[(last + 1)...])
    }

    /// A line for the server.
    fileprivate static func tell(_ notice: WorkNotice) {
        guard let line = try? JSONEncoder().encode(notice) else { return }
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }

    /// Limits this process before it looks at the file. CUDA reserves far more addresses than it uses,
    /// so with a GPU only memory that can be written to counts.
    private static func confine(_ work: VolumeWork, usesGPU: Bool) {
        func limit(_ resource: Int32, _ value: Int) {
            var limits = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
            setrlimit(resource, &limits)
        }
        #if canImport(Glibc)
            let memory = Int32((usesGPU ? RLIMIT_DATA : RLIMIT_AS).rawValue)
            let (time, core) = (Int32(RLIMIT_CPU.rawValue), Int32(RLIMIT_CORE.rawValue))
            let process = __priority_which_t(PRIO_PROCESS.rawValue)
        #else
            let (memory, time, core, process) = (usesGPU ? RLIMIT_DATA : RLIMIT_AS, RLIMIT_CPU, RLIMIT_CORE, PRIO_PROCESS)
        #endif
        limit(memory, work.memory)
        limit(time, work.seconds * ProcessInfo.processInfo.activeProcessorCount)
        limit(core, 0)
        // Leave the processor to pictures first.
        setpriority(process, 0, 10)
        // Exit when the server ends, for whatever reason.
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while read(0, &byte, 1) > 0 {}
            _exit(1)
        }
    }
}

/// The disk has no room for what a job writes. Its file is not at fault, so the job waits.
private struct DiskFull: Error {}

/// One volume from its file to its results.
private struct VolumeJob {
    let folder: URL
    let work: VolumeWork
    let networks: NetworkLoader

    func run() throws {
        let item = try item()
        let segmenter = try network()
        guard segmenter.metadata.input != .pictures else {
            throw Fault(.unsupported, "these weights were trained on pictures", remedy: "choose a model for volumes: GET /v1/models")
        }
        if item.series == nil { try check(voxels: VolumeFile.voxelCount(of: item.url) ?? 0) }
        let channels =
            try item.series.map { [try VolumeFile($0, path: "the series")] }
            ?? ([item.url] + item.channels).flatMap { try VolumeFile.channels(of: $0) }
        let volume = channels[0]
        try check(voxels: volume.shape.depth * volume.shape.height * volume.shape.width)
        let prepared = try PreparedVolume(channels, path: "the volume", convention: segmenter.convention)
        VolumeWorker.tell(WorkNotice(slices: prepared.shape.depth, done: 0))
        let labels = try VolumeSegmenter(segmenter).segment(prepared) { VolumeWorker.tell(WorkNotice(done: $0)) }
        try write(item, volume, prepared, labels, segmenter)
    }

    /// The network of the weights that the job names. Throws if their file is gone, or another.
    private func network() throws -> Segmenter {
        let url = URL(filePath: work.weights),
            changed = Fault(
                .unsupported, "the weights' file has changed, or is gone, since the server read it",
                remedy: "tell whoever runs the server to restart it, then send the volume again")
        let stamp = FileStamp(url)
        guard (try? SHA256.hexadecimal(ofFile: url)) == work.digest else { throw changed }
        let segmenter = try Segmenter(
            weights: url, threshold: work.threshold,
            compute: Compute(device: work.device ?? .auto, precision: work.precision ?? .fp32), networks: networks)
        guard FileStamp(url) == stamp else { throw changed }
        return segmenter
    }

    private func check(voxels: Int) throws {
        guard voxels > work.voxels ?? .max else { return }
        throw Fault(
            .limit, "has \(voxels) voxels, more than the \(work.voxels ?? 0) that this server takes", remedy: "send a smaller volume")
    }

    // MARK: Input

    private func item() throws -> InputList.Item {
        let input = folder.appending(path: "input." + work.kind.rawValue)
        let list = InputList([try work.kind == .zip ? unpack(input).path : input.path], recursive: true)
        guard list.emptyFolders == 0 else {
            throw Fault(.unsupported, "holds neither a volume nor a DICOM series", remedy: "send one series or one volume")
        }
        // Reasons, not paths.
        if let failure = list.failures.first {
            throw Fault(.unsupported, failure.reason.printable(limit: 400, keepsLines: false), remedy: "send one series or one volume")
        }
        let volumes = list.items.filter(\.isVolume)
        guard volumes.count == 1 else {
            throw Fault(
                .unsupported, "holds \(volumes.isEmpty ? "no volume" : "\(volumes.count) volumes")", remedy: "send one series or one volume"
            )
        }
        return volumes[0]
    }

    /// Unpacks an archive under names of our own, keeping the extensions that identify a file's
    /// kind.
    private func unpack(_ archive: URL) throws -> URL {
        let zip = try ZipReader(FileReader(archive))
        let entries = zip.entries.filter { !$0.name.hasSuffix("/") && $0.size > 0 }
        // NumPy's archives are ZIPs too.
        if entries.contains(where: { $0.name == "image.npy" }) {
            let array = folder.appending(path: "input.npz")
            try? FileManager.default.linkItem(at: archive, to: array)
            return array
        }
        let total = entries.reduce(0) { $0 + $1.size }
        guard entries.count <= work.archiveFiles, total <= work.archiveBytes else {
            throw Fault(
                .limit,
                "holds \(entries.count) files of \(Memory.size(total)), more than the \(work.archiveFiles) files or "
                    + "\(Memory.size(work.archiveBytes)) that this server takes", remedy: "send one series")
        }
        let place = folder.appending(path: "unpacked")
        try? FileManager.default.removeItem(at: place)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for (number, entry) in entries.enumerated() {
            let ending = Self.endings.first { entry.name.lowercased().hasSuffix($0) } ?? ""
            let bytes = try zip.read(entry, limit: work.archiveBytes)
            try writing(bytes.count) {
                try AtomicFile.write(bytes, to: place.appending(path: "\(number)" + ending), isDurable: false)
            }
        }
        return place
    }

    /// Runs `body`, which writes up to `bytes`. Throws ``DiskFull`` if it fails and the disk has
    /// less room than that.
    private func writing(_ bytes: Int, _ body: () throws -> Void) throws {
        do { try body() } catch { throw (JobFiles.room(in: folder) ?? .max) < bytes + 1 << 20 ? DiskFull() : error }
    }

    private static let endings = [".nii.gz", ".nii", ".nrrd", ".mha", ".dcm"]

    // MARK: Results

    private func write(
        _ item: InputList.Item, _ volume: VolumeFile, _ prepared: PreparedVolume, _ labels: LabelVolume, _ segmenter: Segmenter
    ) throws {
        let made = folder.appending(path: "making-\(getpid())")
        do {
            // Room for grey values, labels, labels packed twice, and a DICOM segmentation.
            try writing(6 * labels.labels.count) { try fill(made, item, volume, prepared, labels, segmenter) }
        } catch {
            try? FileManager.default.removeItem(at: made)
            throw error
        }
        guard rename(made.path, folder.appending(path: "result").path) == 0 else {
            throw Fault(.unwritable, "its result cannot be stored", remedy: "tell whoever runs the server")
        }
        JobFiles.flush(folder)
        try? FileManager.default.removeItem(at: folder.appending(path: "unpacked"))
    }

    private func fill(
        _ made: URL, _ item: InputList.Item, _ volume: VolumeFile, _ prepared: PreparedVolume, _ labels: LabelVolume,
        _ segmenter: Segmenter
    ) throws {
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        let results = VolumeResults(
            item: item, volume: volume, prepared: prepared, maps: VolumeMaps(labels: labels), names: segmenter.labels,
            provenance: "vmunet \(Provenance.version), weights sha256 \(work.digest.prefix(32))", codes: SegmentCodes())
        func file(_ name: JobResult) -> URL { made.appending(path: name.rawValue) }
        try results.write(
            ResultFiles(mask: file(.nifti), overlay: file(.overview), statistics: [file(.table), file(.statistics)]), format: .nifti)
        var names: [JobResult] = [.nifti, .overview, .table, .statistics], notes: [String] = []
        if volume.source != nil {
            do {
                try results.write(ResultFiles(mask: file(.segmentation)), format: .dicomSegmentation)
                names.append(.segmentation)
            } catch let error as any UserError where error.category == .input {
                // Images that lack what the standard demands keep their other results.
                notes = ["no DICOM segmentation: \(error.problem.printable(limit: 300))"]
            }
        }
        try VolumeResults.writeTables(segmenter.labels, in: made)
        try pack(names, in: made)
        let modality = Modality.note(series: item.series?.modality, weights: segmenter.metadata.modality)
        if let modality { notes.append("the series \(modality)") }
        try JobView.write(
            volume, prepared, labels, segmenter, notes: prepared.notes + notes, hasSegmentation: names.contains(.segmentation), in: made)
        JobFiles.flush(made)
    }

    private func pack(_ names: [JobResult], in made: URL) throws {
        var zip = ZipWriter(prefix: "segmentation")
        try AtomicFile.write(to: made.appending(path: JobResult.archive.rawValue)) { writer in
            for name in names.map(\.rawValue) + ["labels.json", "labels.txt", "labels.ctbl"] {
                try zip.add(name, [UInt8](Data(contentsOf: made.appending(path: name))), to: &writer)
            }
            try zip.finish(to: &writer)
        }
    }
}

/// The files of a result that clients can request.
enum JobResult: String, CaseIterable, Sendable {
    case nifti = "labels.nii.gz"
    case segmentation = "segmentation.dcm"
    case archive = "segmentation.zip"
    case statistics = "statistics.json"
    case table = "statistics.csv"
    case overview = "overview.png"

    /// The media type that `Accept` names.
    var type: String {
        switch self {
        case .nifti: "application/x-nifti"
        case .segmentation: "application/dicom"
        case .archive: "application/zip"
        case .statistics: "application/json"
        case .table: "text/csv"
        case .overview: "image/png"
        }
    }
}
