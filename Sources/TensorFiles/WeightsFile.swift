import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Files of weights of any format: the one door for reading and writing them.
public enum WeightsFile {
    /// The formats that are written, by extension.
    public enum Format: String, Sendable, CaseIterable {
        /// PyTorch's, under either ending.
        case pth, pt
        /// The format of the library `safetensors`.
        case safetensors

        /// The format that a file's name asks for, nil for any other extension.
        public init?(url: URL) { self.init(rawValue: url.pathExtension.lowercased()) }
    }

    /// Reads weights in whichever format they are: the contents decide, not the name.
    ///
    /// Names of PyTorch's wrappers (`module.`, `_orig_mod.`) and counters of profilers are taken out; the result's
    /// ``StateDictionary/notes`` say so, and which of several sets of weights was taken. An error says what the file really is.
    /// - Parameter choice: which set to take where a PyTorch checkpoint holds several; other formats hold one.
    public static func read(_ url: URL, choosing choice: WeightsChoice = .model) throws(TensorFileError) -> StateDictionary {
        try naming(url) { try read(FileReader(url), choosing: choice) }
    }

    /// Reads weights from a file's content in memory; `name` stands for the path in errors.
    public static func decode(_ bytes: [UInt8], name: String, choosing choice: WeightsChoice = .model) throws(TensorFileError)
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
        return try SafetensorsFile.read(file).underPlainNames()
    }

    /// Writes weights in the format of the file's extension, atomically: whatever fails, an old file of that name stays as it was.
    public static func write(_ dictionary: StateDictionary, to url: URL) throws(TensorFileError) {
        switch Format(url: url) {
        case .pth, .pt: try PyTorchArchive.write(dictionary, to: url)
        case .safetensors: try SafetensorsFile.write(dictionary, to: url)
        case nil:
            throw TensorFileError(
                .unsupported, file: url.relativePath, reason: "has the extension '\(url.pathExtension)', which names no format of weights",
                remedy: "end its name in .pth, .pt or .safetensors")
        }
    }
}
