import DICOM
import Files
import Imaging
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The pictures and volumes in a list of files and folders.
package struct InputList: Sendable {
    /// One file to segment.
    package struct Item: Sendable, Equatable {
        /// The path as given; within a given folder, it starts with that folder's.
        package let path: String
        /// The file.
        package let url: URL
        /// True if it has a volume's name.
        package let isVolume: Bool
        /// The DICOM series that a folder or files are.
        package var series: DICOMSeries?
        /// Files of the same case's further channels, as nnU-Net names them: NAME_0001 and on.
        package var channels: [URL] = []

        /// True for arrays of 0…1 (.npz, .h5), whose files record neither axes nor intensities.
        package var isArray: Bool { isVolume && series == nil && VolumeFormat(url) == nil }

        /// The file's name without folder and ending.
        package var name: String {
            if let series {
                return series.files.count == 1 && !FolderListing.isFolder(url)
                    ? FolderListing.stem(url.lastPathComponent) : url.lastPathComponent
            }
            return InputList.stem(url)
        }

        /// nnU-Net's ending of a case's only or first channel, which is not part of the case's name.
        static let firstChannel = "_0000"

        /// The rest of the file's name after ``name``, without the dot: `jpg`, `nii.gz`.
        package var ending: String {
            String(url.lastPathComponent.dropFirst((isVolume && series == nil ? VolumeFile.name(of: url) : name).count + 1))
        }
    }

    /// The files to segment, in the order of the arguments, folders in byte order. No file comes
    /// twice.
    package private(set) var items: [Item] = []
    /// Arguments that cannot be used, a line each with a remedy.
    package private(set) var failures: [(path: String, reason: String)] = []
    /// Files of unsupported kinds in the folders.
    package private(set) var passedOver = FileCensus()
    /// The number of sub-folders that were not entered.
    package private(set) var foldersLeft = 0
    /// The number of links to folders, which are not followed: they may lead in a circle.
    package private(set) var linksLeft = 0
    /// DICOM files in the folders that hold no images to segment: reports, plans, segmentations,
    /// directories.
    package private(set) var imagelessFiles = 0
    /// The number of given folders without anything to segment; each is among the ``failures``.
    package private(set) var emptyFolders = 0
    /// The number of files that were left out as results beside their inputs.
    package private(set) var resultsLeft = 0

    private var known: Set<String> = []
    private let wanted: String?
    private let repairs: Bool
    private let leavesResults: Bool
    private let output: String?

    /// Looks at files and into folders; with `recursive` into their sub-folders, too, though not
    /// through links.
    ///
    /// - Parameters:
    ///   - series: of several DICOM series in one folder the one to take: its number or its UID.
    ///   - repairs: goes on without DICOM files that are damaged.
    ///   - leavesResults: skips files in folders that are named like a result beside its input:
    ///     `NAME_mask` beside `NAME`.
    ///   - output: the folder of the results, which is not entered where it lies in a given one.
    package init(
        _ arguments: [String], recursive: Bool = false, series: String? = nil, repairs: Bool = false, leavesResults: Bool = false,
        output: URL? = nil
    ) {
        (wanted, self.repairs, self.leavesResults) = (series, repairs, leavesResults)
        self.output = output.map(FolderListing.place)
        var images: [(path: String, url: URL)] = []
        for argument in arguments {
            let url = URL(filePath: argument)
            if FolderListing.isFolder(url) {
                let before = items.count, failed = failures.count, (imageless, folders, links) = (imagelessFiles, foldersLeft, linksLeft)
                enter(url, path: argument, recursive: recursive)
                if items.count == before, failures.count == failed {
                    let reason = Self.nothing(
                        imageless: imagelessFiles - imageless, folders: foldersLeft - folders, links: linksLeft - links)
                    if imagelessFiles == imageless { emptyFolders += 1 }
                    failures.append((argument, reason))
                }
            } else if Self.mayBeDICOM(argument), DICOMFile.isDICOM(url) {
                images.append((argument, url))
            } else if Self.dicomEndings.contains(FolderListing.ending(argument).lowercased()),
                FileManager.default.fileExists(atPath: url.path)
            {
                failures.append((argument, "is not a DICOM file, whatever its name says; copy or export it again"))
            } else if FileManager.default.fileExists(atPath: url.path) || FolderListing.isLink(url) {
                if let advice = Self.advice[FolderListing.ending(argument).lowercased()], advice.isVolume {
                    failures.append((argument, "\(advice.kind) files are not read: \(advice.wayOut)"))
                } else {
                    add(url, path: argument)
                }
            } else {
                let isUTF8 = !argument.contains("\u{FFFD}")
                failures.append((argument, isUTF8 ? "there is no such file or folder; check the path" : "its name is not UTF-8; rename it"))
            }
        }
        if let first = images.first {
            let parent = first.url.deletingLastPathComponent()
            let folder = DICOMFolder(images.map(\.url))
            if folder.holdsNoImages {
                failures.append((first.path, Self.holds(folder.others) + Self.wayOut))
            } else {
                add(folder, path: first.path, url: images.count == 1 ? first.url : parent)
            }
        }
        joinChannels()
    }

    private mutating func enter(_ folder: URL, path: String, recursive: Bool) {
        guard let names = try? FolderListing.list(folder) else {
            failures.append((path, "this folder cannot be listed; check its permissions"))
            return
        }
        let prefix = path.hasSuffix("/") ? path : path + "/"
        var folders: [String] = [], images: [URL] = []
        var misnamed: [URL] = []
        // Voxels beside their header are a part of that volume.
        let data = Set(names.flatMap { VolumeFormat.dataFiles(of: folder.appending(path: $0)) }.map(FolderListing.place))
        let stems = leavesResults ? Set(names.map { Self.stem(folder.appending(path: $0)) }) : [], before = items.count
        for name in names {
            let url = folder.appending(path: name)
            if leavesResults, let input = Self.inputOfResult(Self.stem(url)), stems.contains(input) {
                resultsLeft += 1
                continue
            }
            if !data.isEmpty, data.contains(FolderListing.place(url)) { continue }
            if FolderListing.isFolder(url) {
                folders.append(name)
            } else if FolderListing.isPicture(name)
                || VolumeFile.isVolume(url) && (!NIfTIFile.isOfPair(url) || NIfTIFile.pairHeader(url) != nil)
            {
                add(url, path: prefix + name)
            } else if Self.mayBeDICOM(name), DICOMFile.isDICOM(url) {
                images.append(url)
            } else {
                if Self.dicomEndings.contains(FolderListing.ending(name).lowercased()) { misnamed.append(url) }
                passedOver.add(name)
            }
        }
        if let image = images.first {
            // A file among pictures or volumes is one of them; alone or with others, the folder's series.
            let isOneOfMany = images.count == 1 && items.count > before
            let found = DICOMFolder(images, misnamed: misnamed)
            imagelessFiles += found.others
            // Beside other inputs, such as a study's series, a report is none that fails.
            if !found.holdsNoImages {
                add(
                    found, path: isOneOfMany ? prefix + image.lastPathComponent : path,
                    url: isOneOfMany ? image : folder.standardizedFileURL)
            }
        }
        for name in folders {
            let inner = folder.appending(path: name)
            guard FolderListing.place(inner) != output else { continue }
            if FolderListing.isLink(inner) {
                linksLeft += 1
            } else if !recursive {
                foldersLeft += 1
            } else {
                enter(inner, path: prefix + name, recursive: true)
            }
        }
    }

    private mutating func add(_ url: URL, path: String) {
        // A pair of files is listed once, by its header.
        guard known.insert(FolderListing.place(NIfTIFile.pairHeader(url) ?? url)).inserted else { return }
        items.append(Item(path: path, url: url, isVolume: VolumeFile.isVolume(url)))
    }

    /// A file's name as that of its case.
    private static func stem(_ url: URL) -> String {
        guard VolumeFile.isVolume(url) else { return FolderListing.stem(url.lastPathComponent) }
        let name = VolumeFile.name(of: url), isFirst = name.hasSuffix(Item.firstChannel) && name.count > Item.firstChannel.count
        return isFirst ? String(name.dropLast(Item.firstChannel.count)) : name
    }

    /// `NAME` of `NAME_mask`, `NAME_overlay` and so on; nil for other names.
    private static func inputOfResult(_ stem: String) -> String? {
        var stem = stem[...]
        // Networks of several classes write NAME_probability_1 and so on.
        if let bar = stem.lastIndex(of: "_"), stem[..<bar].hasSuffix("_probability"), UInt(stem[bar...].dropFirst()) != nil {
            stem = stem[..<bar]
        }
        let ending = ["_mask", "_overlay", "_probability", "_uncertainty", "_statistics"].first(where: stem.hasSuffix)
        return ending.map { String(stem.dropLast($0.count)) }
    }

    private static let dicomEndings: Set = ["dcm", "dicom", "ima"]

    /// Scanners name DICOM files as they like, mostly without a telling ending.
    private static func mayBeDICOM(_ name: String) -> Bool {
        !FolderListing.isPicture(name) && !VolumeFile.isVolume(URL(filePath: name))
    }

    /// The series that files are: one item, or a failure that lists them.
    private mutating func add(_ folder: DICOMFolder, path: String, url: URL) {
        if let damaged = folder.damaged.first, !repairs {
            failures.append((damaged.file, damaged.reason + "; export the series again, or go on without the file by --resample"))
            return
        }
        guard let picked = wanted.map({ folder.pick($0) }) ?? (folder.series.count == 1 ? folder.series[0] : nil) else {
            let reason: String
            if folder.series.isEmpty, let first = folder.failures.first {
                reason = "holds no series of images that is read: \(first.reason)"
            } else if let wanted {
                reason = "holds no series '\(wanted)', or several of that UID; these are there:\n" + folder.list
            } else {
                reason = "holds several series; pick one by --series NUMBER or UID:\n" + folder.list
            }
            failures.append((path, reason))
            return
        }
        guard known.insert(FolderListing.place(url)).inserted else { return }
        items.append(Item(path: path, url: url, isVolume: true, series: picked))
    }

    private static func nothing(imageless: Int, folders: Int, links: Int) -> String {
        let deeper =
            folders > 0 ? "; --recursive looks into its sub-folders" : links > 0 ? "; name the folders that its links lead to" : nil
        if imageless > 0 { return holds(imageless) + (deeper ?? wayOut) }
        let kinds = PictureFile.extensions.union(["nii", "nii.gz", "hdr", "nrrd", "nhdr", "mha", "mhd", "dcm", "npz", "h5"]).sorted()
            .joined(separator: ", ")
        return "no picture or volume in this folder (\(kinds))" + (deeper ?? "; check the path")
    }

    private static let wayOut = "; give the series of images"

    private static func holds(_ imageless: Int) -> String { "holds \(counted(imageless, "DICOM file")) without images (\(imagelessKinds))" }

    static let imagelessKinds = "reports, plans, segmentations, directories"

    /// Makes one item of files that are channels of one case: NAME_0000 with NAME_0001 and on.
    private mutating func joinChannels() {
        var numbers: [String: Int] = [:]
        for (index, item) in items.enumerated() where item.isVolume && item.series == nil { numbers[FolderListing.place(item.url)] = index }
        var taken: Set<Int> = []
        for index in items.indices
        where items[index].isVolume && items[index].series == nil && VolumeFile.name(of: items[index].url).hasSuffix(Item.firstChannel) {
            let url = items[index].url, name = VolumeFile.name(of: items[index].url)
            let stem = String(name.dropLast(Item.firstChannel.count)), ending = url.lastPathComponent.dropFirst(name.count)
            func file(_ channel: Int) -> Int? {
                let number = "000\(channel)".suffix(4)
                return numbers[FolderListing.place(url.deletingLastPathComponent().appending(path: "\(stem)_\(number)\(ending)"))]
            }
            let others = (1..<VolumeFile.largestChannelCount).prefix { file($0) != nil }.compactMap(file)
            items[index].channels = others.map { items[$0].url }
            taken.formUnion(others)
        }
        items = items.indices.filter { !taken.contains($0) }.map { items[$0] }
    }
}
