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
    }

    /// Throws ``DataError``, which names the case.
    func read(_ one: VolumeCase) throws(DataError) -> Content {
        let channels = try images(one)
        let (labels, found) = try labels(one, on: channels[0])
        return Content(channels: channels, labels: labels, found: found)
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

    private func labels(_ one: VolumeCase, on image: VolumeFile) throws(DataError) -> (LabelVolume, Set<UInt8>) {
        let stored: [UInt8]
        if VolumeCases.isDICOMLabel(one.label) {
            stored = try dicomLabels(one, on: image)
        } else {
            let labels: VolumeImage
            do throws(FileError) {
                labels = try (VolumeFormat(one.label) ?? .nifti).read(one.label, limit: VolumeFile.largestArray)
            } catch { throw DataError(error) }
            let shape = labels.voxels.shape
            let extent = VolumeShape(depth: shape[0], height: shape[1], width: shape[2])
            if let difference = image.difference(shape: extent, geometry: labels.geometry) {
                throw fault(
                    one, .sizeMismatch, "its label \(difference)", remedy: "Resample the label to its image's voxels, by nearest neighbour."
                )
            }
            guard let values = labels.labels else {
                throw fault(
                    one, .labelOutOfRange, "its label holds values that are not whole numbers from 0 to 255",
                    remedy: "Save the number of each voxel's class; resample labels by nearest neighbour alone.")
            }
            stored = values
        }
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
            return (try LabelVolume(shape: image.shape, labels: labels), Set(used.map { table[$0] }))
        } catch { throw fault(one, .shape, error.description, remedy: "") }
    }

    /// The labels of a DICOM segmentation or structure set: its segments' names are classes.
    private func dicomLabels(_ one: VolumeCase, on image: VolumeFile) throws(DataError) -> [UInt8] {
        let shape = [image.shape.depth, image.shape.height, image.shape.width]
        let names: [VolumeLabel], stored: [UInt8]
        do throws(FileError) { (names, stored) = try Self.drawn(one.label, shape: shape, geometry: image.geometry) } catch {
            throw DataError(error)
        }
        func plain(_ name: String) -> String { name.lowercased().map { $0 == "_" || $0 == "-" ? " " : String($0) }.joined() }
        var table = (0..<256).map { UInt8($0) }
        for segment in names {
            // A set whose description does not know the name takes the segment's number.
            guard let number = description.classNames.firstIndex(where: { plain($0) == plain(segment.name) }),
                let label = description.classes.firstIndex(of: UInt8(number))
            else { continue }
            table[segment.value] = UInt8(label)
        }
        return stored.map { table[Int($0)] }
    }

    /// The segments' names and their voxels, whichever of the two kinds the file is.
    private static func drawn(
        _ url: URL, shape: [Int], geometry: VolumeGeometry
    ) throws(FileError) -> (names: [VolumeLabel], labels: [UInt8]) {
        let segmentation: SegmentationFile
        do throws(FileError) { segmentation = try SegmentationFile(url) } catch {
            guard error.kind == .wrongFormat else { throw error }
            let structures = try StructureSet(url)
            return (structures.regions, try structures.labels(shape: shape, geometry: geometry).labels)
        }
        return (segmentation.segments, try segmentation.labels(shape: shape, geometry: geometry).labels)
    }

    private func fault(_ one: VolumeCase, _ kind: DataError.Kind, _ problem: String, remedy: String) -> DataError {
        DataError(kind, path: (kind == .shape ? one.images[0] : one.label).path, "\(one.name): \(problem)", remedy: remedy)
    }
}
