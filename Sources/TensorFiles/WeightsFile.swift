import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads and writes files of weights in any format.
public enum WeightsFile {
    /// The formats that can be written, by extension.
    public enum Format: String, Sendable, CaseIterable {
        /// PyTorch's, with either extension.
        case pth, pt
        /// The `safetensors` library's.
        case safetensors

        /// The format of a file name's extension; nil for any other.
        public init?(url: URL) { self.init(rawValue: url.pathExtension.lowercased()) }
    }

    /// Reads weights in any format; the contents decide, not the name.
    ///
    /// Removes names of PyTorch's wrappers (`module.`, `_orig_mod.`) and profilers' counters. The
    /// result's ``StateDictionary/notes`` list that, and the set that was chosen among several.
    /// Errors say what the file really is.
    /// If a PyTorch checkpoint has several sets, `choice` selects one. Other formats hold one set:
    /// any choice but `model` is an error of kind `missing` there.
    public static func read(_ url: URL, choosing choice: WeightsChoice = .model) throws(FileError) -> StateDictionary {
        try naming(url) { try read(FileReader(url), choosing: choice) }
    }

    /// Reads weights from a file's bytes in memory; errors use `name` as the path.
    public static func decode(_ bytes: [UInt8], name: String, choosing choice: WeightsChoice = .model) throws(FileError)
        -> StateDictionary
    {
        try naming(name) { try read(FileReader(bytes, name: name), choosing: choice) }
    }

    private static func read(_ file: FileReader, choosing choice: WeightsChoice) throws -> StateDictionary {
        let head = try file.head(FileSignature.headLength)
        if head.starts(with: FileSignature.zip) || PyTorchLegacy.begins(head) { return try PyTorchArchive.read(file, choosing: choice) }
        guard SafetensorsFile.isLikely(head) else {
            throw FileSignature.refusal(head, size: file.size, expected: "a PyTorch checkpoint or a safetensors file")
        }
        let weights = try SafetensorsFile.read(file).underPlainNames()
        guard choice == .model else {
            throw Fault(.missing, "holds one set of weights, not several to choose from", remedy: "take what it holds")
        }
        return weights
    }

    /// Writes weights in the format of the file's extension. If writing fails, an existing file
    /// stays unchanged.
    public static func write(_ dictionary: StateDictionary, to url: URL) throws(FileError) {
        switch Format(url: url) {
        case .pth, .pt: try PyTorchArchive.write(dictionary, to: url)
        case .safetensors: try SafetensorsFile.write(dictionary, to: url)
        case nil:
            throw FileError(
                .unsupported, file: url.relativePath, reason: "has the extension '\(url.pathExtension)', which names no format of weights",
                remedy: "end its name in .pth, .pt or .safetensors")
        }
    }
}
