import ArgumentParser
import Files
import Segmentation

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
    private static let endings = (picture: [".png"], volume: [".nii.gz", ".nii"])
    /// Endings that name a file, but not a mask's.
    private static let foreign = [".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npz", ".npy", ".h5", ".nrrd", ".mha", ".dcm"]

    /// Interprets `--output`. Throws a usage error for a file with several inputs, or a file of the
    /// wrong kind.
    init(_ output: String?, list: InputList) throws {
        guard let output else {
            self = .beside
            return
        }
        let url = URL(filePath: output)
        let small = output.lowercased()
        let all = Self.endings.picture + Self.endings.volume
        guard !output.hasSuffix("/"), !Self.isFolder(url), (all + Self.foreign).contains(where: small.hasSuffix) else {
            self = .folder(url)
            return
        }
        guard list.items.count + list.failures.count == 1 else {
            throw ValidationError("--output \(output): a file takes one input, but there are \(list.items.count); name a folder")
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
    }

    private static func isFolder(_ url: URL) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path))?[.type] as? FileAttributeType
            == .typeDirectory
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

    /// The files for an input's results under a name: the mask first, then overlay and probability
    /// if requested.
    func results(_ item: InputList.Item, name: String, overlay: Bool, probability: Bool) -> [URL] {
        let folder: URL
        let mask: String, rest: String
        switch self {
        case .folder(let url):
            (folder, rest) = (url, name)
            mask = name + (item.isVolume ? ".nii.gz" : ".png")
        case .beside:
            (folder, rest) = (item.url.deletingLastPathComponent(), name)
            mask = name + "_mask" + (item.isVolume ? ".nii.gz" : ".png")
        case .file(let url):
            (folder, mask) = (url.deletingLastPathComponent(), url.lastPathComponent)
            let ending = (Self.endings.volume + Self.endings.picture).first { mask.lowercased().hasSuffix($0) } ?? ""
            rest = String(mask.dropLast(ending.count))
        }
        var names = [mask]
        if overlay { names.append(rest + "_overlay.png") }
        if probability, !item.isVolume { names.append(rest + "_probability.png") }
        return names.map { folder.appending(path: $0) }
    }

    /// A name for each input's results, so that no two share a file; nil if there is none.
    func names(_ items: [InputList.Item], overlay: Bool, probability: Bool) -> ResultNames {
        ResultNames(items) { index, name in
            results(items[index], name: name, overlay: overlay, probability: probability).map(\.standardizedFileURL.path)
        }
    }
}
