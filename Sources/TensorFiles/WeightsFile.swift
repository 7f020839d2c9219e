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
        case pth, pt, safetensors

        /// The format that a file's name asks for, nil for any other extension.
        public init?(url: URL) { self.init(rawValue: url.pathExtension.lowercased()) }
    }

    /// Reads weights in whichever format they are: the contents decide, not the name.
    ///
    /// Prefixes of wrappers (`module.`, `_orig_mod.`) are stripped. An error says what the file really is.
    public static func read(_ url: URL) throws(TensorFileError) -> StateDictionary {
        let (head, size) = try naming(url) {
            let file = try FileReader(url)
            return (try file.head(FileSignature.headLength), file.size)
        }
        if head.starts(with: FileSignature.zip) || PyTorchLegacy.begins(head) { return try PyTorchArchive.read(url) }
        guard SafetensorsFile.isLikely(head) else {
            return try naming(url) {
                throw FileSignature.refusal(head, size: size, expected: "a PyTorch checkpoint or a safetensors file")
            }
        }
        let dictionary = try SafetensorsFile.read(url)
        return try naming(url) {
            guard let stripped = dictionary.strippingWrapperPrefixes() else {
                throw Fault(
                    .corrupt, "has weights of the same name with and without the prefix 'module.'", remedy: "save one set of weights")
            }
            return stripped
        }
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
