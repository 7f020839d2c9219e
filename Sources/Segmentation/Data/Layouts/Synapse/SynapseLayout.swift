import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A folder in the published Synapse set's layout: `train_npz/*.npz`, `test_vol_h5/*.npy.h5`, and
/// lists of their names.
struct SynapseLayout: Sendable {
    let directory: URL

    /// The paper's classes.
    static let synapseClassNames = [
        "background", "aorta", "gallbladder", "left kidney", "right kidney", "liver", "pancreas", "spleen", "stomach",
    ]

    /// The names in `lists/lists_Synapse/NAME.txt`, or in the only other `lists/…/NAME.txt`, in the
    /// list's order.
    ///
    /// Throws ``DataError`` if there is no such list, if it is empty, has a name twice, or leads
    /// out of the folder.
    func cases(in list: String) throws(DataError) -> [String] {
        let file = try listFile(list)
        guard let text = Self.text(of: file) else {
            throw DataError(.unreadable, path: file.path, "cannot be read as a list of names", remedy: "Save it as text, one name a line.")
        }
        let names = text.split(whereSeparator: \.isNewline).map { $0.trimmed }.filter { !$0.isEmpty }
        guard !names.isEmpty else { throw DataError(.noPairs, path: file.path, "names no case", remedy: "Write one case's name a line.") }
        let astray = names.filter { $0.contains("/") || $0.contains("\\") || $0.hasPrefix(".") || $0.contains("\0") }
        guard astray.isEmpty else {
            throw DataError(
                .unreadable, path: file.path, problems: astray.map { "'\($0.prefix(40))' is not the name of a case" },
                remedy: "Write names without folders and extensions.")
        }
        var seen: Set<String> = []
        let twice = names.filter { !seen.insert($0).inserted }
        guard twice.isEmpty else {
            throw DataError(.unpaired, path: file.path, problems: twice.map { "\($0) is listed twice" }, remedy: "List each case once.")
        }
        return names
    }

    /// The most bytes of a file of names; larger files are not read.
    private static let largestText = 1 << 24

    /// The text of a file of names; nil if it is not a regular UTF-8 file, or too large.
    static func text(of file: URL) -> String? {
        guard let reader = try? FileReader(file), reader.size <= largestText, let bytes = try? reader.all() else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// True if there is a list of this name.
    func hasList(_ list: String) -> Bool { (try? listFile(list)) != nil }

    private func listFile(_ list: String) throws(DataError) -> URL {
        guard FolderListing.isFolder(directory) else {
            throw DataError(
                .missingFolder, path: directory.path, "there is no such folder", remedy: "Give the folder that holds the data set.")
        }
        let lists = directory.appending(path: "lists")
        let published = lists.appending(path: "lists_Synapse/\(list).txt")
        if FileManager.default.fileExists(atPath: published.path) { return published }
        let others = (FolderListing.isFolder(lists) ? try FolderListing.list(lists) : []).map { lists.appending(path: "\($0)/\(list).txt") }
            .filter { FileManager.default.fileExists(atPath: $0.path) }
        guard others.count == 1 else {
            throw DataError(
                .missingFolder, path: published.path,
                others.isEmpty ? "there is no such list" : "there are \(others.count) such lists, none of them named lists_Synapse",
                remedy: "Write the cases' names, one per line, into it.")
        }
        return others[0]
    }

    /// The files of the listed cases, with the first of `extensions` that exists. Throws one
    /// ``DataError`` that names every case without a file.
    func files(_ cases: [String], folder: String, extensions: [String]) throws(DataError) -> [URL] {
        let folder = directory.appending(path: folder)
        let found = cases.map { name in
            extensions.map { folder.appending(path: "\(name).\($0)") }.first { FileManager.default.fileExists(atPath: $0.path) }
        }
        let missing = zip(cases, found).filter { $0.1 == nil }.map(\.0)
        guard missing.isEmpty else {
            throw DataError(
                .unpaired, path: folder.path, problems: missing.map { "\($0).\(extensions[0]) is listed, but not there" },
                remedy: "Put the files there, or take the names off the list.")
        }
        return found.compactMap(\.self)
    }
}

/// Checks the arrays `image` and `label` of a file.
enum SynapseArrays {
    /// Checks an image of `rank` axes and its label, and returns their values.
    ///
    /// Throws ``DataError`` for a wrong rank or size, values that are not finite, or labels that
    /// are not whole numbers below `classes`.
    static func checked(
        _ arrays: [HostTensor], path: String, rank: ClosedRange<Int>, classes: Int?, ignoredLabel: UInt8?,
        description: VolumeSetDescription?
    ) throws(DataError) -> (image: [Float], label: [UInt8], shape: [Int]) {
        let (image, label) = (arrays[0], arrays[1])
        let values = try intensities(image, path: path, rank: rank)
        guard label.shape == image.shape else {
            throw DataError(
                .sizeMismatch, path: path, "its image has shape \(image.shape), its label \(label.shape)",
                remedy: "Save both with the same shape.")
        }
        let labels = try labels(
            label, path: path, classes: classes, ignoredLabel: ignoredLabel, regions: description.flatMap { $0.regions.isEmpty ? nil : $0 })
        return (values, labels, image.shape)
    }

    /// The values of an image of `rank` axes. Throws ``DataError`` for a wrong rank or size, and
    /// for values that are not finite.
    static func intensities(_ image: HostTensor, path: String, rank: ClosedRange<Int>) throws(DataError) -> [Float] {
        try checkImage(image, path: path, rank: rank)
        try requireRoom(image, path: path)
        let values = image.floats
        guard values.allSatisfy(\.isFinite) else {
            throw DataError(
                .unreadable, path: path, "its image holds values that are not finite numbers (NaN or infinity)",
                remedy: "Clip the intensities and scale them to 0…1 before saving.")
        }
        return values
    }

    /// Throws ``DataError`` for an image of a wrong rank, size or type.
    static func checkImage(_ image: HostTensor, path: String, rank: ClosedRange<Int>) throws(DataError) {
        guard rank.contains(image.shape.count), image.shape.allSatisfy({ (1...LabelVolume.largestExtent).contains($0) }) else {
            throw DataError(
                .shape, path: path, "its image has shape \(image.shape)",
                remedy: "An image has \(rank.upperBound == 2 ? "rows and columns" : "slices, rows and columns"), none of them empty.")
        }
        guard image.elementType != .bool else {
            throw DataError(.unreadable, path: path, "its image holds truth values", remedy: "Save the image as float32 in 0…1.")
        }
    }

    /// Asks for the memory that conversion takes: a copy in the stored type, one of four bytes a
    /// value, and a last one.
    private static func requireRoom(_ tensor: HostTensor, path: String) throws(DataError) {
        try DataError.requireMemory(
            tensor.bytes.count + 6 * tensor.count, for: path, remedy: "Crop the volume, or save it at a larger spacing.")
    }

    /// The labels as classes: of `regions` that overlap, a pixel has the class of the last that holds
    /// it.
    static func labels(
        _ tensor: HostTensor, path: String, classes: Int?, ignoredLabel: UInt8?, regions: VolumeSetDescription? = nil
    ) throws(DataError) -> [UInt8] {
        if tensor.elementType != .uint8 { try requireRoom(tensor, path: path) }
        var values = tensor.elementType == .uint8 ? tensor.bytes : tensor.floats.map { UInt8(exactly: $0) }.compactMap(\.self)
        guard values.count == tensor.count else {
            throw DataError(
                .labelOutOfRange, path: path, "its label holds values that are not whole numbers from 0 to 255",
                remedy: "Save the number of each pixel's class; resize labels by nearest neighbour alone.")
        }
        if let regions {
            for i in values.indices where values[i] != ignoredLabel {
                guard let merged = regions.classes[Int(values[i])] else {
                    throw DataError(
                        .labelOutOfRange, path: path, "its label holds \(values[i]), which no region of dataset.json has",
                        remedy: "Name all labels in dataset.json, or correct the label.")
                }
                values[i] = merged
            }
        }
        if let classes, let wrong = values.first(where: { Int($0) >= classes && $0 != ignoredLabel }) {
            throw DataError(
                .labelOutOfRange, path: path, "its label holds \(wrong), where the set has \(classes) classes (0…\(classes - 1))",
                remedy: "Name all classes in the configuration or in dataset.json, or correct the label.")
        }
        return values
    }
}

extension DataError {
    /// The fault of a file of arrays.
    init(_ error: FileError) {
        self.init(
            error.kind == .memory ? .memory : .unreadable, path: error.file, error.reason,
            remedy: error.remedy.prefix(1).uppercased() + error.remedy.dropFirst() + ".")
    }
}
