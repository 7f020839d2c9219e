import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The number and names of the classes of a set in Synapse's layout.
package enum SynapseClasses {
    /// The classes' names, background first.
    ///
    /// They come from `configured`, else from `DIR/dataset.json` (nnU-Net's `labels`) or
    /// `DIR/classes.txt` (one name a line). Otherwise every label of the set is read: nine labels
    /// are Synapse's, others are named by their numbers. Throws ``DataError`` if a file is invalid
    /// or the labels have only one class.
    package static func names(in directory: URL, configured: [String]? = nil, ignoredLabel: Int? = nil) throws(DataError) -> [String] {
        if let configured { return try checked(configured, path: directory.path) }
        if let description = try description(in: directory) { return description.classNames }
        let text = directory.appending(path: "classes.txt")
        if FileManager.default.fileExists(atPath: text.path) {
            guard let lines = SynapseLayout.text(of: text) else {
                throw DataError(
                    .unreadable, path: text.path, "cannot be read as text", remedy: "Write one class's name a line, background first.")
            }
            let names = lines.split(whereSeparator: \.isNewline).map { $0.trimmed }.filter { !$0.isEmpty }
            return try checked(names, path: text.path)
        }
        return named(try countByReading(directory, ignoredLabel: ignoredLabel))
    }

    /// Names for a number of classes: nine are Synapse's, others are named by their numbers.
    static func named(_ count: Int) -> [String] {
        count == SynapseLayout.synapseClassNames.count
            ? SynapseLayout.synapseClassNames : ["background"] + (1..<max(count, 1)).map { "class \($0)" }
    }

    /// True if a file in the set's folder names the classes, so that no labels need be read.
    static func areNamed(in directory: URL) -> Bool {
        ["dataset.json", "classes.txt"].contains { FileManager.default.fileExists(atPath: directory.appending(path: $0).path) }
    }

    private static func checked(_ names: [String], path: String) throws(DataError) -> [String] {
        guard (2...255).contains(names.count), Set(names).count == names.count, names.allSatisfy({ !$0.isEmpty && $0.count <= 80 }) else {
            throw DataError(
                .unreadable, path: path, "names \(names.count) classes, of which \(Set(names).count) differ",
                remedy: "Name 2…255 classes, background first, each differently and briefly.")
        }
        return names
    }

    /// The set's `dataset.json`, in nnU-Net's form; nil without one. Throws ``DataError`` for a
    /// damaged one, and for an ignored label among the numbers of the classes that regions make.
    static func description(in directory: URL) throws(DataError) -> VolumeSetDescription? {
        guard let description = try VolumeSetDescription(in: directory) else { return nil }
        if !description.regions.isEmpty, let ignored = description.storedIgnoredLabel, ignored < description.classNames.count {
            throw DataError(
                .labelOutOfRange, path: directory.appending(path: "dataset.json").path,
                "its label 'ignore' is \(ignored), which is the number of one of its regions",
                remedy: "Give 'ignore' a higher number in dataset.json and in the arrays, such as 255.")
        }
        return description
    }

    /// One more than the largest label of the training slices, or of the test volumes if there are
    /// none.
    private static func countByReading(_ directory: URL, ignoredLabel: Int?) throws(DataError) -> Int {
        let layout = SynapseLayout(directory: directory)
        let files: [URL]
        if FolderListing.isFolder(directory.appending(path: "train_npz")) {
            files = try layout.files(layout.cases(in: "train"), folder: "train_npz", extensions: ["npz"])
        } else {
            files = try layout.files(layout.cases(in: "test_vol"), folder: "test_vol_h5", extensions: ["npy.h5", "h5"])
        }
        var used: Set<Int> = [0]
        var (largest, place) = (0, directory)
        let found = Parallel.map(files) { file in Result { () throws(DataError) in try labels(file, except: ignoredLabel) } }
        for (file, result) in zip(files, found) {
            let labels = try result.get()
            used.formUnion(labels)
            if let most = labels.max(), most > largest { (largest, place) = (most, file) }
        }
        // A small set may lack a class. But a few labels and a distant one, such as 255 for
        // unlabelled pixels, are not that many classes.
        guard 2 * used.count > largest else {
            throw DataError(
                .labelOutOfRange, path: place.path,
                "its label holds \(largest), though the set has only \(used.count) different labels",
                remedy:
                    "Correct it; if its pixels shall not count, set data.ignored_label; if it is a class, name all classes in dataset.json."
            )
        }
        guard largest > 0 else {
            throw DataError(
                .labelOutOfRange, path: directory.path, "every label is background",
                remedy: "Name the classes in the configuration or in dataset.json, or check the labels.")
        }
        return largest + 1
    }

    /// The labels in a file, without the ignored one.
    private static func labels(_ file: URL, except ignoredLabel: Int?) throws(DataError) -> Set<Int> {
        let tensor: HostTensor
        do throws(FileError) {
            tensor =
                file.pathExtension == "npz"
                ? try NPZFile(file).read("label", limit: SynapseDataset.largestArray)
                : try HDF5File.read(["label"], from: file, limit: VolumeFile.largestArray)[0]
        } catch { throw DataError(error) }
        let labels = try SynapseArrays.labels(tensor, path: file.path, classes: nil, ignoredLabel: nil)
        var isUsed = [Bool](repeating: false, count: 256)
        for label in labels { isUsed[Int(label)] = true }
        return Set(isUsed.indices.filter { isUsed[$0] && $0 != ignoredLabel })
    }
}
