import ArgumentParser
import Files
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `vmunet page`: the page that segments in the browser.
package struct Page: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Write the page that segments in the browser, as files for any web server.",
        discussion: """
            The folder holds HTML, JavaScript, the network in WebAssembly, and weights. Put it on any web server; to look at it on this
            machine: python3 -m http.server --directory DIR. Pictures are segmented on the reader's own device and never leave it.

            Examples:
              vmunet page --output site
              vmunet page --output site --weights runs/first/checkpoints/best.safetensors
            """)

    @Option(help: "The folder to write: a new one, an empty one, or an earlier page's, which is replaced.")
    var output: String

    @Option(help: "Weights for the page, instead of those that come with the package.")
    var weights: String?

    @Flag(help: "Print the page's files and size as one JSON object on standard output.")
    var json = false

    @OptionGroup package var telling: OutputOptions

    package init() {}

    package func run() throws {
        guard let files = PageFiles.find() else {
            throw InputError("the page's files are not beside this tool; take the whole release, or build in the package's own folder")
        }
        guard let weights = weights.map({ URL(filePath: $0) }) ?? InstalledWeights.url() else {
            throw ValidationError("--weights is needed: the package's own weights are not beside this tool")
        }
        let written = try files.write(to: URL(filePath: output), weights: weights)
        Console.note("written to \(output); to look at it: python3 -m http.server --directory \(output)")
        guard json else { return }
        let bytes = try written.files.reduce(0) { try $0 + FileReader(URL(filePath: output).appending(path: $1)).size }
        try Console.json(Result(folder: output, version: written.version, weights: written.weights, files: written.files, bytes: bytes))
    }

    /// The output of `--json`: files relative to the folder, and their size together.
    private struct Result: Encodable {
        let folder, version, weights: String
        let files: [String]
        let bytes: Int
    }
}

/// The page's files as they lie in the package or in a release.
package struct PageFiles {
    /// Every file, relative to ``folder``.
    static let names =
        ["index.html", "style.css", "icon.svg", "example.jpg", "page.js", "sw.js", "vmunet.wasm", "vmunet-relaxed.wasm"]
        + [
            "dom", "engine", "format", "items", "list", "offline", "opening", "overlay", "panel", "picture-view", "pointers", "save",
            "support", "volume-view",
        ].map { "app/\($0).js" }
        + [
            "decode", "helper", "jpeg", "module", "network", "nifti", "orientation", "png", "problem", "safetensors", "streams", "tensors",
            "volume",
            "weights", "worker", "zip",
        ].map { "worker/\($0).js" }
    /// Their possible places, relative to a folder above the executable.
    private static let places = ["page", "Sources/VMUNetBrowser/Page"]
    /// The list that the page reads, and that tells an earlier page's folder from any other.
    private static let list = "page.json"

    package let folder: URL

    /// Looks above the executable: a build lies four folders below its package, an installed tool
    /// one.
    package static func find() -> PageFiles? { folder(with: "index.html", at: places).map(PageFiles.init) }

    /// The first folder of these that holds a file, seen from the folders above the executable.
    package static func folder(with file: String, at places: [String], executable: String = CommandLine.arguments[0]) -> URL? {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? executable
        var above = URL(filePath: path).resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 {
            for place in places {
                let folder = above.appending(path: place)
                if FileManager.default.fileExists(atPath: folder.appending(path: file).path) { return folder }
            }
            if above.path == "/" { return nil }
            above = above.deletingLastPathComponent()
        }
        return nil
    }

    /// Writes the page whole or not at all, and returns its list of files. `server` is the address
    /// of a server's own page, which it then offers.
    @discardableResult
    package func write(to output: URL, weights: URL, server: String? = nil) throws -> List {
        let manager = FileManager.default
        // Links are resolved, so that the folder itself is replaced.
        let target = URL(filePath: output.standardizedFileURL.resolvingSymlinksInPath().path)
        let exists = manager.fileExists(atPath: target.path)
        if exists { try requireOnlyAPage(in: target, named: output.relativePath) }
        let parent = target.deletingLastPathComponent(), name = target.lastPathComponent
        try manager.createDirectory(at: parent, withIntermediateDirectories: true)
        let made = parent.appending(path: ".\(name).new"), old = parent.appending(path: ".\(name).old")
        for left in [made, old] where manager.fileExists(atPath: left.path) { try manager.removeItem(at: left) }
        let list: List
        do {
            list = try fill(made, weights: weights, server: server)
            if exists { try manager.moveItem(at: target, to: old) }
            do {
                try manager.moveItem(at: made, to: target)
            } catch {
                if exists { try? manager.moveItem(at: old, to: target) }
                throw error
            }
        } catch {
            try? manager.removeItem(at: made)
            // The temporary folder's name says nothing to the user.
            let message = Failure.message(of: error)
            guard message.contains(made.path) || message.contains(old.path) else { throw error }
            throw InputError(message.replacing(made.path, with: output.relativePath).replacing(old.path, with: output.relativePath))
        }
        if exists { try? manager.removeItem(at: old) }
        return list
    }

    /// Requires that the folder holds an earlier page and nothing else, since it is replaced whole.
    private func requireOnlyAPage(in folder: URL, named name: String) throws {
        guard try !FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty else { return }
        let list = try? JSONDecoder().decode(List.self, from: Data(FileReader(folder.appending(path: Self.list)).head(1 << 20)))
        let ours = Set((list?.files ?? []) + [Self.list])
        let others = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
            !ours.contains(path) && !ours.contains { $0.hasPrefix(path + "/") }
        }
        guard let list, !list.files.isEmpty, others.isEmpty else {
            let one = others.sorted().first.map { ", such as \($0)" } ?? ""
            throw InputError("\(name): holds other files than a page's\(one); name a new folder, or move them away")
        }
    }

    private func fill(_ made: URL, weights: URL, server: String?) throws -> List {
        let manager = FileManager.default
        for inner in ["app", "worker", "weights"] {
            try manager.createDirectory(at: made.appending(path: inner), withIntermediateDirectories: true)
        }
        for name in Self.names { try manager.copyItem(at: folder.appending(path: name), to: made.appending(path: name)) }
        // Reading the weights reports their faults now, not to a reader of the page.
        let tensors = try WeightsFile.read(weights)
        // With a server, the server segments, and the page reports its own limits.
        if server == nil { try requireFitting(tensors.origin(file: weights.relativePath), file: weights.relativePath) }
        let stem = weights.deletingPathExtension().lastPathComponent
        let own = "weights/\(stem).safetensors"
        // A run's last checkpoint also holds its optimizer's state, which no reader needs to fetch.
        if weights.pathExtension == "safetensors", tensors.networkWeights.count == tensors.count {
            try manager.copyItem(at: weights.resolvingSymlinksInPath(), to: made.appending(path: own))
        } else {
            try WeightsFile.write(tensors.networkWeights, to: made.appending(path: own))
        }
        let files = Self.names + [own]
        let list = List(version: try version(of: files, in: made), weights: own, files: files, server: server)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(list).write(to: made.appending(path: Self.list))
        return list
    }

    /// Requires weights that the page can apply. It maps intensities by a window, resizes every
    /// picture and slice by itself, and shows the network's labels unchanged.
    private func requireFitting(_ metadata: WeightsMetadata, file: String) throws {
        let wants = [
            metadata.normalization == nil ? nil : "another normalisation than a window",
            (metadata.neighbors ?? 0) == 0 ? nil : "neighbouring slices",
            metadata.sliceFit == nil ? nil : "slices resampled to a spacing",
            metadata.patchSize == nil ? nil : "tiles",
            metadata.temperature == nil ? nil : "a temperature",
            metadata.cleanUp?.isEmpty ?? true ? nil : "a clean-up",
        ].compactMap(\.self)
        guard !wants.isEmpty else { return }
        throw InputError(
            "\(file): these weights need \(wants.joined(separator: ", ")), which the page does not do; segment with predict or serve")
    }

    /// The page's own list of its files, `page.json`.
    package struct List: Codable {
        let version: String
        let weights: String
        let files: [String]
        let server: String?
    }

    /// Changes with any byte of the page (FNV-1a, 64 bits), so that browsers that keep it fetch it
    /// anew.
    private func version(of files: [String], in made: URL) throws -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for name in files {
            for byte in try Data(contentsOf: made.appending(path: name)) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return String(hash, radix: 16)
    }
}
