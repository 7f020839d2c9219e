import ArgumentParser
import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where results go.
enum PredictionTarget {
    /// All into one folder, with `predictions.json`.
    case folder(URL)
    /// The one mask into this file.
    case file(URL)
    /// Each beside its input.
    case beside

    /// Endings of files that a mask can be written to, for a picture and for a volume.
    private static let endings = (picture: [".png"], volume: [".nii.gz", ".nii"])
    /// Endings that name a file, though no mask is written so.
    private static let foreign = [".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".npz", ".npy", ".h5", ".nrrd", ".mha", ".dcm"]

    /// What `--output` means. Throws a usage error for a file where there are several inputs, or of a kind that does not fit.
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
            throw ValidationError("--output \(output): a file is for one input, here are \(list.items.count); name a folder")
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

    /// Makes the folder, so that one that cannot be made is known first.
    func prepare() throws {
        switch self {
        case .folder(let url): try Folder.make(url, option: "--output")
        case .file(let url): try Folder.make(url.deletingLastPathComponent(), option: "--output")
        case .beside: break
        }
    }

    /// The folder of `predictions.json`; nil where none is written.
    var recordFolder: URL? { if case .folder(let url) = self { url } else { nil } }

    /// The files that one input's results go to under a name: the mask first, then the overlay and the probability, as asked for.
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

    /// A name for each input's results, by which no two get one file; nil where there is none.
    func names(_ items: [InputList.Item], overlay: Bool, probability: Bool) -> ResultNames {
        ResultNames(items) { index, name in
            results(items[index], name: name, overlay: overlay, probability: probability).map(\.standardizedFileURL.path)
        }
    }
}
