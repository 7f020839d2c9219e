import ArgumentParser
import Files
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The place for results.
enum PredictionTarget {
    /// All results in one folder, with `predictions.json`.
    case folder(URL)
    /// The only mask as this file.
    case file(URL)
    /// Each result beside its input.
    case beside

    /// Endings of mask files, for pictures and for volumes.
    private static let endings = (picture: [".png"], volume: [".nii.gz", ".nii", ".hdr", ".nrrd", ".mha", ".mhd", ".dcm"])
    /// Endings that name a file, but not a mask's.
    private static let foreign = [
        ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npz", ".npy", ".h5", ".img", ".hdr.gz", ".img.gz", ".nhdr",
    ]

    /// Interprets `--output`. Throws a usage error for a file with several inputs, or a file of the
    /// wrong kind or of another format than `--format`.
    init(_ output: String?, format: VolumeOutput?, list: InputList) throws {
        guard let output else {
            self = .beside
            return
        }
        let url = URL(filePath: output)
        let small = output.lowercased()
        let all = Self.endings.picture + Self.endings.volume
        guard !output.hasSuffix("/"), !FolderListing.isFolder(url), (all + Self.foreign).contains(where: small.hasSuffix) else {
            self = .folder(url)
            return
        }
        let count = list.items.count + list.failures.count
        guard count == 1 else {
            let refused = list.failures.first.map { "; \($0.path): \($0.reason)" } ?? ""
            throw ValidationError("--output \(output): a file takes one input, but there are \(count): name a folder\(refused)")
        }
        if let item = list.items.first {
            let fitting = item.isVolume ? Self.endings.volume : Self.endings.picture
            guard fitting.contains(where: small.hasSuffix) else {
                throw ValidationError(
                    "--output \(output): the mask of a \(item.isVolume ? "volume" : "picture") is written as \(fitting.joined(separator: " or "))"
                )
            }
        }
        self = .file(url)
        if let format, let own = self.format, own != format {
            throw ValidationError(
                "--output \(output) is \(own.rawValue), --format \(format.rawValue): leave --format out, or name a folder")
        }
    }

    /// Creates the folder, so that a failure shows first.
    func prepare() throws {
        switch self {
        case .folder(let url): try Folder.make(url, option: "--output")
        case .file(let url): try Folder.make(url.deletingLastPathComponent(), option: "--output")
        case .beside: break
        }
    }

    /// The folder of `predictions.json`; nil if none is written.
    var recordFolder: URL? { if case .folder(let url) = self { url } else { nil } }

    /// Locks the folder of results, waiting until no other process writes into it: two would take
    /// each other's names, and one would lose its entries. nil if there is no such folder.
    func lock(isShared: Bool, _ stop: StopSignal) throws -> FolderLock? {
        guard let folder = recordFolder else { return nil }
        let lock = FolderLock.waiting(for: folder.path, isShared: isShared) {
            Console.note(
                "another process writes into \(folder.relativePath): waiting for it to end (--shard divides one list among several)")
        } isStopped: {
            stop.isSet
        }
        guard let lock else { throw ExitCode(ExitStatus.interrupted) }
        return lock
    }

    /// The files for an input's results under a name.
    func results(_ item: InputList.Item, name: String, _ wanted: WantedResults) -> ResultFiles {
        let folder: URL
        let mask: String, rest: String
        let format = item.isVolume ? wanted.format ?? VolumeOutput(for: item) : .png
        switch self {
        case .folder(let url):
            (folder, rest) = (url, name)
            mask = name + format.ending
        case .beside:
            (folder, rest) = (item.url.deletingLastPathComponent(), name)
            mask = name + "_mask" + format.ending
        case .file(let url):
            (folder, mask) = (url.deletingLastPathComponent(), url.lastPathComponent)
            let ending = ([".seg.nrrd"] + Self.endings.volume + Self.endings.picture).first { mask.lowercased().hasSuffix($0) } ?? ""
            rest = String(mask.dropLast(ending.count))
        }
        func file(_ name: String) -> URL { folder.appending(path: name) }
        var files = ResultFiles(mask: file(mask))
        if wanted.overlay { files.overlay = file(rest + "_overlay.png") }
        if wanted.probabilityClasses > 0 {
            let ending = item.isVolume ? format.numbersEnding : ".png"
            files.probabilities =
                wanted.probabilityClasses == 1 || !item.isVolume
                ? [file(rest + "_probability" + ending)]
                : (1..<wanted.probabilityClasses).map { file(rest + "_probability_\($0)" + ending) }
        }
        if wanted.uncertainty { files.uncertainty = file(rest + "_uncertainty" + (item.isVolume ? format.numbersEnding : ".png")) }
        if wanted.statistics, item.isVolume { files.statistics = [file(rest + "_statistics.csv"), file(rest + "_statistics.json")] }
        return files
    }

    /// The format that a file's name asks for; nil for a folder and for names that leave it open.
    var format: VolumeOutput? {
        guard case .file(let url) = self else { return nil }
        return switch VolumeFormat(url) {
        case .nifti?: .nifti
        case .nrrd?: .nrrd
        case .metaImage?: .metaImage
        case nil: url.pathExtension.lowercased() == "dcm" ? .dicomSegmentation : nil
        }
    }

    /// A name for each input's results, so that no two share a file; nil if there is none. `earlier`
    /// is the folder's table.
    func names(_ items: [InputList.Item], _ wanted: WantedResults, earlier: PredictionFile?) -> ResultNames {
        ResultNames(items, earlier: earlier) { index, name in
            results(items[index], name: name, wanted).all.map(\.standardizedFileURL.path)
        }
    }
}
