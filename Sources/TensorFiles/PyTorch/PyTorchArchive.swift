import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Checkpoints written by `torch.save`, `.pth` and `.pt`: the zip container and the older one.
public enum PyTorchArchive {
    /// Reads the weights wherever they are: at the top, or in any dictionary or list below.
    ///
    /// Views become contiguous tensors. Wrappers' names (`module.`, `_orig_mod.`) are removed.
    /// Plain numbers and strings beside the weights become metadata; everything else is dropped.
    /// The pickle is only parsed: nothing in it can run.
    /// If there are several sets, `choice` selects one, and the result's notes name it.
    public static func read(_ url: URL, choosing choice: WeightsChoice = .model) throws(FileError) -> StateDictionary {
        try naming(url) { try read(FileReader(url), choosing: choice) }
    }

    static func read(_ file: FileReader, choosing choice: WeightsChoice) throws -> StateDictionary {
        let head = try file.head(FileSignature.headLength)
        let root: PickleValue
        let heap: PickleHeap
        let source: any StorageSource
        if head.starts(with: FileSignature.zip) {
            let archive = try PyTorchZip(file)
            var machine = PickleMachine(PickleInput(try archive.pickle()))
            root = try machine.load()
            heap = machine.heap
            source = archive
        } else if PyTorchLegacy.begins(head) {
            let legacy = try PyTorchLegacy(file)
            root = legacy.root
            heap = legacy.heap
            source = legacy
        } else {
            throw FileSignature.refusal(head, size: file.size, expected: "a PyTorch checkpoint")
        }
        let found = try StateDictionaryFinder(heap: heap).find(in: root, choosing: choice)
        return try TensorLoader(heap: heap, source: source, fileSize: file.size).load(found).underPlainNames()
    }

    /// Writes an OrderedDict of tensors that `torch.load(path, weights_only=True)` reads, whole or
    /// not at all. Equal contents give equal bytes.
    ///
    /// Without `key` the file holds only the weights, as published scripts expect; the metadata is
    /// in the OrderedDict's attribute `metadata`. With `key` the weights are under it and the
    /// metadata beside them. The limit is 4 GiB.
    public static func write(_ dictionary: StateDictionary, to url: URL, under key: String? = nil) throws(FileError) {
        try naming(url) {
            try AtomicFile.write(to: url) { writer in
                let name = url.deletingPathExtension().lastPathComponent
                var zip = ZipWriter(prefix: name.isEmpty ? "archive" : name)
                try zip.add("data.pkl", PickleWriter.pickle(dictionary, under: key), to: &writer)
                try zip.add(".format_version", Array("1".utf8), to: &writer)
                try zip.add(".storage_alignment", Array("64".utf8), to: &writer)
                try zip.add("byteorder", Array("little".utf8), to: &writer)
                for (index, entry) in dictionary.enumerated() { try zip.add("data/\(index)", entry.tensor.bytes, to: &writer) }
                try zip.add("version", Array("3\n".utf8), to: &writer)
                try zip.finish(to: &writer)
            }
        }
    }
}
