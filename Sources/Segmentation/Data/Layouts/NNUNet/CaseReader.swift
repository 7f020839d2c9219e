import DICOM
import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads a case's channels and labels, and checks that they fit.
struct CaseReader: Sendable {
    let description: VolumeSetDescription

    /// The channels and the label of each voxel, as a class, in the file's own order.
    struct Content: Sendable {
        var channels: [VolumeFile]
        var labels: LabelVolume
        /// The classes that occur.
        var found: Set<UInt8>
        /// Oddities of the files, a clause each.
        var notes: [String]
    }

    /// Labels as a file has them, with the numbers of the description.
    private struct Stored {
        var values: [UInt8]
        var notes: [String]

        /// Values that are the numbers of segments, if a table says so.
        init(values: [UInt8], table: Table?, notes: [String] = []) {
            self.values = table.map { table in values.map { table.labels[Int($0)] } } ?? values
            self.notes = (table?.notes ?? []) + notes
        }
    }

    /// The labels of segments: by a segment's number, for those with a class's name.
    private typealias Table = (labels: [UInt8], named: Set<Int>, notes: [String])

    /// Throws ``DataError``, which names the case.
    func read(_ one: VolumeCase) throws(DataError) -> Content {
        let channels = try images(one)
        let stored = try labels(one, on: channels[0])
        let (labels, found) = try classes(one, stored.values, shape: channels[0].shape)
        return Content(channels: channels, labels: labels, found: found, notes: channels.flatMap(\.notes) + stored.notes)
    }

    /// The channels, checked against each other.
    private func images(_ one: VolumeCase) throws(DataError) -> [VolumeFile] {
        var channels: [VolumeFile] = []
        for url in one.images { channels += try FolderListing.isFolder(url) ? [series(url)] : VolumeFile.channels(of: url) }
        let expected = description.channels.isEmpty ? channels.count : description.channels.count
        guard channels.count == expected else {
            throw fault(
                one, .shape, "\(channels.count == 1 ? "1 channel" : "\(channels.count) channels"), where dataset.json names \(expected)",
                remedy: "Give every case the channels of the set, in one file or in files CASE_0000, CASE_0001 and so on.")
        }
        for (index, channel) in channels.enumerated().dropFirst() {
            if let difference = channels[0].difference(from: channel) {
                throw fault(
                    one, .shape, "its channel \(index) \(difference)", remedy: "Resample the channels of a case to the same voxels.")
            }
        }
        return channels
    }

    private func series(_ folder: URL) throws(DataError) -> VolumeFile {
        let found = DICOMFolder(try FolderListing.files(in: folder).map { folder.appending(path: $0) })
        guard found.series.count == 1 else {
            throw DataError(
                .unreadable, path: folder.path,
                found.series.isEmpty ? "holds no DICOM series of images" : "holds \(found.series.count) DICOM series",
                remedy: "Put the files of one series into a case's folder.")
        }
        return try VolumeFile(found.series[0], path: folder.path)
    }

    private func labels(_ one: VolumeCase, on image: VolumeFile) throws(DataError) -> Stored {
        if VolumeCases.isDICOMLabel(one.label) { return try dicomLabels(one, on: image) }
        let format = VolumeFormat(one.label) ?? .nifti
        let layers: SegmentLayers?
        do throws(FileError) { layers = format == .nrrd ? try SegmentLayers(one.label, limit: VolumeFile.largestArray) : nil } catch {
            throw DataError(error)
        }
        if let layers {
            let table = table(layers.segments), drawn: (labels: [UInt8], notes: [String])
            do throws(FileError) { drawn = try layers.labels(only: table?.named) } catch { throw DataError(error) }
            let placed = try placed(drawn.labels, one, on: image, shape: layers.shape, layers.geometry, mayBeCut: true)
            return Stored(values: placed, table: table, notes: drawn.notes)
        }
        let (labels, names): (VolumeImage, [VolumeLabel])
        do throws(FileError) {
            labels = try format.read(one.label, limit: VolumeFile.largestArray)
            names = format == .nrrd ? try NRRDFile.segments(one.label) : []
        } catch { throw DataError(error) }
        guard let values = labels.labels else {
            throw fault(
                one, .labelOutOfRange, "its label holds \(Self.others(than: labels)), no whole numbers from 0 to 255",
                remedy: "Save the number of each voxel's class; resample labels by nearest neighbour alone.")
        }
        let placed = try placed(values, one, on: image, shape: labels.voxels.shape, labels.geometry, mayBeCut: !names.isEmpty)
        return Stored(values: placed, table: table(names))
    }

    /// Labels on the image's voxels. 3D Slicer cuts a segmentation to the region around its segments:
    /// what lies on the image's own voxels is put there, and the rest is background.
    private func placed(
        _ labels: [UInt8], _ one: VolumeCase, on image: VolumeFile, shape: [Int], _ geometry: VolumeGeometry, mayBeCut: Bool
    ) throws(DataError) -> [UInt8] {
        let (own, extent) = (image.shape, VolumeShape(depth: shape[0], height: shape[1], width: shape[2]))
        guard let difference = image.difference(shape: extent, geometry: geometry) else { return labels }
        guard mayBeCut, image.geometry.placesVoxels,
            let start = (try? VoxelGrid(shape: [own.depth, own.height, own.width], geometry: image.geometry))?.place(of: shape, geometry)
        else {
            throw fault(
                one, .sizeMismatch, "its label \(difference)", remedy: "Resample the label to its image's voxels, by nearest neighbour.")
        }
        var placed = [UInt8](repeating: 0, count: own.count)
        for slice in 0..<extent.depth {
            for row in 0..<extent.height {
                let from = (slice * extent.height + row) * extent.width
                let to = ((start[2] + slice) * own.height + start[1] + row) * own.width + start[0]
                placed.replaceSubrange(to..<to + extent.width, with: labels[from..<from + extent.width])
            }
        }
        return placed
    }

    /// Some of the values that are no labels, for a message: "-1, 259".
    private static func others(than labels: VolumeImage) -> String {
        var found: Set<Float> = []
        for value in labels.values where UInt8(exactly: value) == nil {
            found.insert(value)
            if found.count > 3 { break }
        }
        let texts = found.sorted().map { Int(exactly: $0).map(String.init) ?? "\($0)" }
        return texts.prefix(3).joined(separator: ", ") + (texts.count > 3 ? " and others" : "")
    }

    /// The classes of stored labels, and those that occur.
    private func classes(_ one: VolumeCase, _ stored: [UInt8], shape: VolumeShape) throws(DataError) -> (LabelVolume, Set<UInt8>) {
        var isUsed = [Bool](repeating: false, count: 256)
        for label in stored { isUsed[Int(label)] = true }
        let used = (0..<256).filter { isUsed[$0] }
        let undeclared = used.filter { description.classes[$0] == nil }
        guard undeclared.isEmpty else {
            throw fault(
                one, .labelOutOfRange,
                "its label holds \(undeclared.prefix(8).map(String.init).joined(separator: ", ")), which \(undeclared.count == 1 ? "is" : "are") not declared",
                remedy: "Declare every label in dataset.json, or correct the files.")
        }
        let table = description.classes.map { $0 ?? 0 }
        do throws(VolumeError) {
            let labels = used.allSatisfy { Int(table[$0]) == $0 } ? stored : stored.map { table[Int($0)] }
            return (try LabelVolume(shape: shape, labels: labels), Set(used.map { table[$0] }))
        } catch { throw fault(one, .shape, error.description, remedy: "") }
    }

    /// The labels of a file's named segments. Segments are classes by their names; if none has a
    /// class's name, by their numbers. Where some have, the others belong to no class, such as the
    /// body's outline in radiotherapy.
    private func table(_ segments: [VolumeLabel]) -> Table? {
        func plain(_ name: String) -> String { name.lowercased().map { $0 == "_" || $0 == "-" ? " " : String($0) }.joined() }
        var labels = [UInt8](repeating: 0, count: 256)
        var named: Set<Int> = []
        for segment in segments where (0...255).contains(segment.value) {
            guard let number = description.classNames.firstIndex(where: { plain($0) == plain(segment.name) }),
                let label = description.classes.firstIndex(of: UInt8(number))
            else { continue }
            labels[segment.value] = UInt8(label)
            named.insert(segment.value)
        }
        guard !named.isEmpty else { return nil }
        let left = segments.filter { !named.contains($0.value) }.map { $0.name.printable(limit: 40) }
        return (labels, named, left.isEmpty ? [] : ["not declared, so left out: \(listed(left, atMost: 5))"])
    }

    /// The labels of a DICOM segmentation or structure set.
    private func dicomLabels(_ one: VolumeCase, on image: VolumeFile) throws(DataError) -> Stored {
        let shape = [image.shape.depth, image.shape.height, image.shape.width]
        do throws(FileError) {
            let file = try DrawnFile(one.label)
            let table = table(file.segments)
            let drawn = try file.labels(shape: shape, geometry: image.geometry, only: table?.named)
            var notes = drawn.notes
            if let own = image.frameOfReference, let other = file.frameOfReference, own != other {
                notes.append("drawn in another frame of reference than its image's: check that they belong together")
            }
            return Stored(values: drawn.labels, table: table, notes: notes)
        } catch { throw DataError(error) }
    }

    /// A segmentation or a structure set, whichever a file is.
    private enum DrawnFile {
        case segmentation(SegmentationFile)
        case structures(StructureSet)

        init(_ url: URL) throws(FileError) {
            do throws(FileError) { self = .segmentation(try SegmentationFile(url)) } catch {
                guard error.kind == .wrongFormat else { throw error }
                self = .structures(try StructureSet(url))
            }
        }

        var segments: [VolumeLabel] {
            switch self {
            case .segmentation(let file): file.segments
            case .structures(let file): file.regions
            }
        }

        var frameOfReference: String? {
            switch self {
            case .segmentation(let file): file.frameOfReference
            case .structures(let file): file.frameOfReference
            }
        }

        func labels(
            shape: [Int], geometry: VolumeGeometry, only some: Set<Int>?
        ) throws(FileError) -> (labels: [UInt8], notes: [String]) {
            switch self {
            case .segmentation(let file): try file.labels(shape: shape, geometry: geometry, only: some)
            case .structures(let file): try file.labels(shape: shape, geometry: geometry, only: some)
            }
        }
    }

    private func fault(_ one: VolumeCase, _ kind: DataError.Kind, _ problem: String, remedy: String) -> DataError {
        DataError(kind, path: (kind == .shape ? one.images[0] : one.label).path, "\(one.name): \(problem)", remedy: remedy)
    }
}
