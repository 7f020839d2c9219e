import DICOM
import Files
import Imaging
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A case of a set of volumes: an image, in a file or a file a channel, and its labels.
struct VolumeCase: Sendable, Equatable {
    var name: String
    /// In the order of the channels; one file may hold them all. A folder is a DICOM series.
    var images: [URL]
    /// A volume of labels, or a DICOM segmentation or structure set.
    var label: URL
}

/// The cases in a set's folders, paired by name.
struct VolumeCases: Sendable {
    /// In byte order of their names.
    private(set) var cases: [VolumeCase] = []
    /// Files that belong to no case, a line each.
    private(set) var problems: [String] = []
    let directory: URL

    /// The folders of a part's images and labels: nnU-Net's and the Decathlon's folders, then plain
    /// ones.
    static func folders(of part: String) -> [(images: String, labels: String)] {
        switch part {
        case "train": [("imagesTr", "labelsTr"), ("train/images", "train/labels"), ("images", "labels"), ("images", "masks")]
        case "val": [("imagesVal", "labelsVal"), ("val/images", "val/labels")]
        default: [("imagesTs", "labelsTs"), ("test/images", "test/labels")]
        }
    }

    /// The part's two folders; nil if they are not both there, or hold no volumes.
    static func place(of part: String, in directory: URL) -> (images: URL, labels: URL)? {
        for (images, labels) in folders(of: part) {
            let (images, labels) = (directory.appending(path: images), directory.appending(path: labels))
            guard FolderListing.isFolder(images), FolderListing.isFolder(labels), !entries(images).isEmpty else { continue }
            return (images, labels)
        }
        return nil
    }

    /// The cases of a part: those that the description lists, or all in the folders. Throws
    /// ``DataError`` if there are none.
    init(_ directory: URL, part: String, description: VolumeSetDescription?) throws(DataError) {
        self.directory = directory
        for (images, labels) in Self.folders(of: part) {
            for folder in [images, labels].map({ directory.appending(path: $0) }) where FolderListing.isFolder(folder) {
                _ = try FolderListing.list(folder)
            }
        }
        guard let place = Self.place(of: part, in: directory) else {
            if let pictures = NNUNetPictures.advice(for: directory) {
                let remedy = pictures.remedy.prefix(1).uppercased() + pictures.remedy.dropFirst() + "."
                throw DataError(.missingFolder, path: directory.path, pictures.problem, remedy: remedy)
            }
            let wanted = Self.folders(of: part).map { "\($0.images) and \($0.labels)" }.joined(separator: ", or ")
            throw DataError(
                .missingFolder, path: directory.path, "has no volumes with labels in \(wanted)",
                remedy: "Give the folder that holds them: NIfTI, NRRD, MetaImage, or a folder of DICOM files each.")
        }
        if part == "train", let listed = description?.training, !listed.isEmpty, take(listed) { return }
        pair(place, channels: description?.channels.count ?? 0)
        guard !cases.isEmpty else {
            throw DataError(
                .unpaired, path: place.images.path, problems: problems.isEmpty ? ["holds no volumes"] : problems,
                remedy: "Name labels like their images: CASE.nii.gz for CASE.nii.gz, or for CASE_0000.nii.gz and CASE_0001.nii.gz.")
        }
    }

    /// The cases of a part in which nothing is without its counterpart. Throws ``DataError`` that
    /// names whatever is.
    static func whole(_ directory: URL, part: String, description: VolumeSetDescription) throws(DataError) -> VolumeCases {
        let cases = try VolumeCases(directory, part: part, description: description)
        if let unpaired = cases.unpaired { throw unpaired }
        return cases
    }

    /// The fault of files that belong to no case; nil if there are none.
    var unpaired: DataError? {
        guard !problems.isEmpty else { return nil }
        return DataError(
            .unpaired, path: directory.path, problems: problems, remedy: "Give every image its labels, and every label its image.")
    }

    /// The volumes and folders of DICOM files in a folder, by byte order.
    private static func entries(_ folder: URL) -> [URL] {
        let names = (try? FolderListing.list(folder)) ?? []
        return names.map { folder.appending(path: $0) }.filter { url in
            guard !NIfTIFile.isOfPair(url) else { return url.lastPathComponent.lowercased().contains(".hdr") }
            return VolumeFormat(url) != nil || isDICOMLabel(url) || holdsDICOM(url)
        }
    }

    /// True for a folder that begins with a DICOM file.
    private static func holdsDICOM(_ folder: URL) -> Bool {
        guard FolderListing.isFolder(folder), let first = try? FolderListing.list(folder).first else { return false }
        return DICOMFile.isDICOM(folder.appending(path: first))
    }

    private static func pictures(_ folder: URL) -> [String] {
        ((try? FolderListing.list(folder)) ?? []).filter(FolderListing.isPicture)
    }

    static func isDICOMLabel(_ url: URL) -> Bool { ["dcm", "dicom"].contains(url.pathExtension.lowercased()) }

    /// A file's name without its ending, whatever kind it is.
    private static func name(_ url: URL) -> String {
        if FolderListing.isFolder(url) { return url.lastPathComponent }
        return VolumeFormat(url) == nil ? FolderListing.stem(url.lastPathComponent) : VolumeFile.name(of: url)
    }

    /// A name's case and channel: "a_0001" is channel 1 of "a".
    static func channel(of name: String) -> (stem: String, channel: Int)? {
        guard let bar = name.lastIndex(of: "_"), bar > name.startIndex else { return nil }
        let digits = name[name.index(after: bar)...]
        guard digits.utf8.count == 4, digits.allSatisfy(\.isASCII), let number = Int(digits), number >= 0 else { return nil }
        return (String(name[..<bar]), number)
    }

    private mutating func pair(_ place: (images: URL, labels: URL), channels: Int) {
        for picture in Self.pictures(place.labels).isEmpty ? [] : Self.pictures(place.images) {
            problems.append("\(FolderListing.stem(picture)): \(picture) is a picture among volumes; move it and its labels elsewhere")
        }
        var labels: [String: URL] = [:]
        for url in Self.entries(place.labels) where !FolderListing.isFolder(url) {
            if let other = labels.updateValue(url, forKey: Self.name(url)) {
                problems.append("\(Self.name(url)): two files of labels, \(other.lastPathComponent) and \(url.lastPathComponent)")
            }
        }
        var files: [String: [Int: URL]] = [:]
        for url in Self.entries(place.images) where !Self.isDICOMLabel(url) || FolderListing.isFolder(url) {
            let name = Self.name(url)
            let part = labels[name] == nil ? Self.channel(of: name).flatMap { labels[$0.stem] == nil ? nil : $0 } : nil
            guard labels[name] != nil || part != nil else {
                problems.append("\(name): \(url.lastPathComponent) has no labels")
                continue
            }
            if let other = files[part?.stem ?? name, default: [:]].updateValue(url, forKey: part?.channel ?? -1) {
                problems.append("\(name): two images, \(other.lastPathComponent) and \(url.lastPathComponent)")
            }
        }
        for (name, label) in labels.sorted(by: { FolderListing.byteOrder($0.key, $1.key) }) {
            guard let images = files[name] else {
                problems.append("\(name): \(label.lastPathComponent) has no image")
                continue
            }
            add(name, images, label, channels: channels)
        }
    }

    private mutating func add(_ name: String, _ images: [Int: URL], _ label: URL, channels: Int) {
        let numbers = images.keys.sorted()
        guard numbers == [-1] || numbers == Array(0..<numbers.count) else {
            let missing = (0..<(numbers.last ?? 0)).first { images[$0] == nil }
            problems.append("\(name): channel \(missing.map(String.init) ?? "0") is missing, or there are two kinds of names")
            return
        }
        guard channels == 0 || numbers == [-1] || numbers.count == channels else {
            problems.append(
                "\(name): \(numbers.count == 1 ? "1 channel" : "\(numbers.count) channels"), where dataset.json names \(channels)")
            return
        }
        cases.append(VolumeCase(name: name, images: numbers.compactMap { images[$0] }, label: label))
    }

    /// Takes the listed cases; false if the list names channels' files by their stem, as nnU-Net's
    /// first version did, so that the folders must tell.
    private mutating func take(_ listed: [VolumeSetDescription.ListedCase]) -> Bool {
        func url(_ path: String) -> URL? {
            let parts = path.split(separator: "/").filter { $0 != "." }
            guard !path.hasPrefix("/"), !parts.contains(".."), !parts.isEmpty else { return nil }
            return directory.appending(path: parts.joined(separator: "/"))
        }
        func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
        guard listed.contains(where: { $0.images.compactMap(url).contains(where: exists) }) else { return false }
        for one in listed {
            let images = one.images.map(url), wanted = one.label.flatMap(url)
            let name = one.name ?? (wanted ?? images.first ?? nil).map(Self.name) ?? "a case without files"
            guard let label = wanted, !images.isEmpty, !images.contains(nil) else {
                problems.append("\(name): dataset.json lists no image and label inside the set's folder")
                continue
            }
            let files = images.compactMap(\.self)
            if let missing = (files + [label]).first(where: { !exists($0) }) {
                problems.append("\(name): \(missing.lastPathComponent) is listed in dataset.json, but not there")
                continue
            }
            cases.append(VolumeCase(name: name, images: files, label: label))
        }
        var seen: Set<String> = []
        for one in cases where !seen.insert(one.name).inserted { problems.append("\(one.name): listed twice") }
        cases.sort { FolderListing.byteOrder($0.name, $1.name) }
        return true
    }
}
