import Files
import Imaging
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A set's `dataset.json`, in nnU-Net's form or the Decathlon's.
///
/// Regions, which overlap, become classes, which do not: a voxel has the class of the last region
/// that holds it, as nnU-Net writes its results. So one network learns both, and each region is the
/// union of some classes.
package struct VolumeSetDescription: Sendable, Equatable {
    /// The channels' names, in order; empty if it names none.
    var channels: [String] = []
    /// The classes' names, background first.
    package private(set) var classNames: [String] = []
    /// The class of each label in the files; nil for labels that are not declared.
    package private(set) var classes: [UInt8?] = []
    /// The class number of voxels that count nowhere.
    var ignoredLabel: UInt8?
    /// The number that ``ignoredLabel`` has in the files.
    var storedIgnoredLabel: Int? { ignoredLabel.flatMap { classes.firstIndex(of: $0) } }
    /// The name of the only channel, such as "CT"; nil if there are several, or none is named.
    var modality: String? { channels.count == 1 ? String(channels[0].prefix(80)) : nil }
    /// Regions to score, if the set defines any.
    package private(set) var regions: [LabelRegion] = []
    /// Cases that it lists: images and labels relative to the folder.
    var training: [ListedCase]?

    /// A case as a description lists it.
    struct ListedCase: Sendable, Equatable {
        var name: String?
        var images: [String]
        var label: String?
    }

    /// A description without a file: the classes of the labels found.
    init(classNames: [String], labels: [UInt8]) {
        self.classNames = classNames
        classes = [UInt8?](repeating: nil, count: 256)
        for (index, label) in labels.enumerated() { classes[Int(label)] = UInt8(index) }
    }

    /// The description in a folder; nil without one. Throws ``DataError`` for a damaged one.
    init?(in directory: URL) throws(DataError) {
        let file = directory.appending(path: "dataset.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        try self.init(file)
    }

    /// The description in a file. Throws ``DataError`` for a damaged one.
    package init(_ file: URL) throws(DataError) {
        guard FileManager.default.isReadableFile(atPath: file.path) else {
            throw DataError(.unreadable, path: file.path, "may not be read", remedy: "Change its permissions.")
        }
        guard let text = SynapseLayout.text(of: file), let raw = try? JSONDecoder().decode(DescriptionFile.self, from: Data(text.utf8))
        else {
            throw DataError(
                .unreadable, path: file.path, "is not a dataset.json with 'labels' of names and numbers",
                remedy: #"Write "labels": {"background": 0, "liver": 1, …} and "channel_names": {"0": "CT"}, as nnU-Net documents them."#)
        }
        do throws(Misfit) {
            channels = try Self.ordered(raw.channels)
            try takeLabels(raw, text: text)
        } catch {
            throw DataError(.labelOutOfRange, path: file.path, error.problem, remedy: error.remedy)
        }
        training = raw.cases
    }

    private struct Misfit: Error {
        var problem: String
        var remedy = "Number the labels 0, 1, 2 and so on, background first, and 'ignore' last."
    }

    private static func ordered(_ names: [String: String]) throws(Misfit) -> [String] {
        let ordered = (0..<names.count).compactMap { names["\($0)"] }
        guard ordered.count == names.count, ordered.count <= VolumeFile.largestChannelCount else {
            throw Misfit(
                problem: "its channels are not numbered \"0\", \"1\" and so on, at most \(VolumeFile.largestChannelCount) of them",
                remedy: #"Write "channel_names": {"0": "T1", "1": "FLAIR"}."#)
        }
        return ordered
    }

    private mutating func takeLabels(_ raw: DescriptionFile, text: String) throws(Misfit) {
        guard raw.labelCount <= 256 else {
            throw Misfit(problem: "it declares \(raw.labelCount) labels", remedy: "A label map has at most 256: 0 to 255.")
        }
        var labels = raw.labels(inOrderOf: text)
        guard labels.allSatisfy({ !$0.numbers.isEmpty && $0.numbers.allSatisfy((0...255).contains) }) else {
            throw Misfit(problem: "its labels are not all numbers from 0 to 255")
        }
        let ignored = labels.firstIndex { $0.name == "ignore" }.map { labels.remove(at: $0) }
        classes = [UInt8?](repeating: nil, count: 256)
        classes[0] = 0
        if labels.contains(where: { $0.numbers.count > 1 }) {
            try takeRegions(labels, order: raw.regionsOrder)
        } else {
            try takeClasses(labels)
        }
        guard let ignored else { return }
        let used = classes.indices.filter { classes[$0] != nil }.max() ?? 0
        guard ignored.numbers.count == 1, ignored.numbers[0] > used else {
            throw Misfit(problem: "its label 'ignore' is not the highest")
        }
        ignoredLabel = UInt8(classNames.count)
        classes[ignored.numbers[0]] = ignoredLabel
    }

    private mutating func takeClasses(_ labels: [DescriptionFile.Label]) throws(Misfit) {
        var names: [Int: String] = [0: "background"]
        for label in labels { names[label.numbers[0]] = label.name }
        let numbers = Set(labels.map { $0.numbers[0] }).union([0])
        guard names.count == numbers.count, numbers == Set(0..<names.count), Set(labels.map { $0.numbers[0] }).count == labels.count else {
            let found = labels.map { $0.numbers[0] }.sorted().map(String.init).joined(separator: ", ")
            throw Misfit(problem: "its labels are numbered \(found)")
        }
        guard (2...255).contains(names.count), Set(names.values).count == names.count else {
            let different = Set(names.values).count
            throw Misfit(
                problem: names.count > 255
                    ? "it names \(names.count) classes, and at most 255 can be learned"
                    : "it names \(names.count) classes, of which \(different) differ")
        }
        classNames = (0..<names.count).compactMap { names[$0] }
        for label in 0..<names.count { classes[label] = UInt8(label) }
    }

    private mutating func takeRegions(_ labels: [DescriptionFile.Label], order: [Int]) throws(Misfit) {
        let parts = labels.filter { $0.numbers != [0] }
        guard parts.count < 255 else { throw Misfit(problem: "it has \(parts.count) regions", remedy: "At most 254 can be learned.") }
        guard order.count == parts.count, Set(order) == Set(1...max(parts.count, 1)) else {
            throw Misfit(
                problem: order.count == parts.count
                    ? "its regions_class_order is not the numbers 1 to \(parts.count), each once"
                    : "it has \(parts.count) regions and a regions_class_order of \(order.count)",
                remedy: "Give each region one of the numbers 1, 2, 3 and so on in regions_class_order, in the order of the labels.")
        }
        var names = [String](repeating: "background", count: parts.count + 1)
        for (number, part) in zip(order, parts) {
            names[number] = part.name
            for label in part.numbers where label != 0 { classes[label] = UInt8(number) }
        }
        for part in parts {
            let members = Set(part.numbers.compactMap { classes[$0] })
            let others = classes.indices.filter { !part.numbers.contains($0) && classes[$0].map { members.contains($0) } == true }
            guard others.isEmpty, !members.contains(0) else {
                throw Misfit(
                    problem: "its region '\(part.name.printable(limit: 40))' and others overlap without one holding the other",
                    remedy: "List regions from the largest to those within them, in labels and regions_class_order.")
            }
            regions.append(LabelRegion(name: part.name, labels: members))
            // The class around other regions that lie within this one.
            if members.count > 1, let own = zip(order, parts).first(where: { $0.1.name == part.name })?.0 {
                names[own] = "rest of \(part.name)"
            }
        }
        classNames = names
    }
}

/// The file as it is written.
private struct DescriptionFile: Decodable {
    struct Label {
        var name: String
        var numbers: [Int]
    }

    private enum Value: Decodable {
        case number(Int)
        case numbers([Int])
        case text(String)

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let number = try? value.decode(Int.self) {
                self = .number(number)
            } else if let numbers = try? value.decode([Int].self) {
                self = .numbers(numbers)
            } else {
                self = .text(try value.decode(String.self))
            }
        }
    }

    private struct Entry: Decodable {
        var image: String?
        var images: [String]?
        var label: String?
    }

    private enum CodingKeys: String, CodingKey {
        case labels, channels = "channel_names", modality, order = "regions_class_order", training, dataset
    }

    private let values: [String: Value]
    var labelCount: Int { values.count }
    let channels: [String: String]
    let regionsOrder: [Int]
    let cases: [VolumeSetDescription.ListedCase]?

    init(from decoder: any Decoder) throws {
        let file = try decoder.container(keyedBy: CodingKeys.self)
        values = try file.decode([String: Value].self, forKey: .labels)
        // Old sets have all kinds of things as modality.
        channels =
            try file.decodeIfPresent([String: String].self, forKey: .channels)
            ?? (try? file.decodeIfPresent([String: String].self, forKey: .modality)) ?? [:]
        regionsOrder = (try? file.decodeIfPresent([Int].self, forKey: .order)) ?? []
        if let listed = try? file.decodeIfPresent([Entry].self, forKey: .training) {
            cases = listed.map { .init(name: nil, images: $0.images ?? [$0.image].compactMap(\.self), label: $0.label) }
        } else if let listed = try? file.decodeIfPresent([String: Entry].self, forKey: .dataset) {
            cases = listed.sorted { FolderListing.byteOrder($0.key, $1.key) }.map {
                .init(name: $0.key, images: $0.value.images ?? [$0.value.image].compactMap(\.self), label: $0.value.label)
            }
        } else {
            cases = nil
        }
    }

    /// The labels, whichever of name and number is the key, in the file's order, which JSON's
    /// decoder does not keep and regions depend on.
    func labels(inOrderOf text: String) -> [Label] {
        // Names lie near the key "labels". Escaped ones are not found, and come last.
        let bytes = Array(text.utf8)
        let start = bytes.firstRange(of: Array("\"labels\"".utf8))?.upperBound ?? bytes.startIndex
        let near = bytes[start...].prefix(1 << 20)
        func place(_ key: String) -> Int { near.firstRange(of: Array("\"\(key)\"".utf8))?.lowerBound ?? bytes.endIndex }
        let keys = values.keys.map { (key: $0, place: place($0)) }.sorted { ($0.place, $0.key) < ($1.place, $1.key) }
        return keys.compactMap { key, _ -> Label? in
            switch values[key] {
            case .number(let number)?: Label(name: key, numbers: [number])
            case .numbers(let numbers)?: Label(name: key, numbers: numbers)
            case .text(let name)?: Label(name: name, numbers: Int(key).map { [$0] } ?? [])
            case nil: nil
            }
        }
    }
}
