import Foundation
import Testing

@testable import DICOM
@testable import Files
@testable import TensorFiles

/// Segmentations and structure sets as labels on an image.
@Suite("DICOM labels")
struct LabelsTests {
    @Test(arguments: ["plain", "sagittal", "coronal", "oblique", "backwards", "multiframe"])
    func readsItsOwnSegmentations(name: String) throws {
        let volume = try Fixtures.read(name)
        var labels = [UInt8](repeating: 0, count: 6 * 32 * 40)
        for i in labels.indices where i % 7 == 0 && i / 1280 > 0 { labels[i] = UInt8(1 + i % 2) }
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("labels-\(UUID().uuidString).dcm")
        defer { try? FileManager.default.removeItem(at: url) }
        let names = [VolumeLabel(value: 1, name: "liver", color: [1, 2, 3]), VolumeLabel(value: 2, name: "spleen", color: [4, 5, 6])]
        try SegmentationObject(labels: labels, names: names, source: try #require(volume.source)).write(to: url)
        let file = try SegmentationFile(url)
        #expect(file.segments.map(\.name) == ["liver", "spleen"] && file.segments.map(\.value) == [1, 2])
        let (found, notes) = try file.labels(shape: volume.shape, geometry: volume.geometry)
        #expect(found == labels && notes == [])
        // On another grid it is refused.
        var other = volume.geometry
        other.matrix[0][3] += 0.7
        #expect(throws: FileError.self) { try file.labels(shape: volume.shape, geometry: other) }
        #expect(throws: FileError.self) { try file.labels(shape: [3, 32, 40], geometry: volume.geometry) }
    }

    /// Compared with matplotlib's point-in-polygon.
    @Test(arguments: ["plain", "oblique"]) func fillsContours(name: String) throws {
        let folder = Fixtures.folder.deletingLastPathComponent()
        let volume = try Fixtures.read(name)
        let file = try StructureSet(folder.appendingPathComponent("structures_\(name).dcm"))
        #expect(
            file.regions == [
                VolumeLabel(value: 1, name: "star", color: [255, 5, 0]), VolumeLabel(value: 2, name: "ring", color: [255, 6, 0]),
            ])
        let (labels, notes) = try file.labels(shape: volume.shape, geometry: volume.geometry)
        let expected = [UInt8](try Data(contentsOf: folder.appendingPathComponent("structures_\(name).raw")))
        #expect(labels == expected && notes == [] && expected.contains(1) && expected.contains(2))
        // A contour beside the image is reported.
        let (_, cut) = try file.labels(shape: [3, 32, 40], geometry: volume.geometry)
        #expect(cut == ["2 contours lie beside the image"])
    }

    /// A structure set of closed contours on slice 2 of `plain`, in columns and rows.
    private func structures(_ contours: [[(Double, Double)]]) throws -> [UInt8] {
        let volume = try Fixtures.read("plain")
        var (region, item, set) = (DataSetBuilder(), DataSetBuilder(), DataSetBuilder())
        region.text(.regionNumber, "IS", "1")
        region.text(.regionName, "LO", "ball")
        item.text(.referencedRegion, "IS", "1")
        item.sequence(
            .contours,
            contours.map { points in
                var contour = DataSetBuilder()
                contour.text(.contourType, "CS", "CLOSED_PLANAR")
                // Left, posterior, superior of a column and a row.
                let places = points.map { "\(2 * $0.0 - 31.5)\\\(1.5 * $0.1 - 20.25)\\10" }
                contour.text(.contourData, "DS", places.joined(separator: "\\"))
                return contour
            })
        set.sequence(.regionSequence, [region])
        set.sequence(.regionContours, [item])
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("structures-\(UUID().uuidString).dcm")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(DICOMWriter.file(set, sopClass: "1.2.840.10008.5.1.4.1.1.481.3", sopInstance: "1.2")).write(to: url)
        return try StructureSet(url).labels(shape: volume.shape, geometry: volume.geometry).labels
    }

    /// Some tools draw through the centres of a region's outermost voxels, also around its holes.
    @Test func centresOnAContourAreInside() throws {
        func rectangle(_ columns: ClosedRange<Int>, _ rows: ClosedRange<Int>) -> [(Double, Double)] {
            let (left, right) = (Double(columns.lowerBound), Double(columns.upperBound))
            let (top, bottom) = (Double(rows.lowerBound), Double(rows.upperBound))
            return [(left, top), (right, top), (right, bottom), (left, bottom)]
        }
        func expected(_ isInside: (Int, Int) -> Bool) -> [UInt8] {
            (0..<6).flatMap { k in (0..<32).flatMap { y in (0..<40).map { x -> UInt8 in k == 2 && isInside(x, y) ? 1 : 0 } } }
        }
        let ring = try structures([rectangle(5...14, 7...12), rectangle(7...12, 8...11)])
        #expect(ring == expected { (5...14).contains($0) && (7...12).contains($1) && !((8...11).contains($0) && (9...10).contains($1)) })
        let triangle = try structures([[(20, 5), (26, 11), (20, 11)]])
        #expect(triangle == expected { (20...26).contains($0) && (5...11).contains($1) && $0 - 20 <= $1 - 5 })
        // A region of one voxel, and of two.
        #expect(try structures([[(3, 4)], [(9, 9), (9, 10)]]) == expected { ($0, $1) == (3, 4) || $0 == 9 && (9...10).contains($1) })
        // Between the centres the contour alone decides.
        let between = try structures([[(4.5, 6.5), (14.5, 6.5), (14.5, 12.5), (4.5, 12.5)]])
        #expect(between == expected { (5...14).contains($0) && (7...12).contains($1) })
    }

    @Test func otherFilesAreRefused() throws {
        let image = try #require(try Fixtures.files("plain").first)
        #expect(try #require(throws: FileError.self) { try SegmentationFile(image) }.kind == .wrongFormat)
        #expect(try #require(throws: FileError.self) { try StructureSet(image) }.kind == .wrongFormat)
    }

    /// dcmqi's segmentation and the label map that it was made from.
    @Test(.enabled(if: SeriesTests.real != nil)) func readsRealSegmentations() throws {
        let folder = try #require(SeriesTests.real).appendingPathComponent("dcmqi/segmentations/23x38x3")
        let images = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("image").path)
        let series = DICOMFolder(images.map { folder.appendingPathComponent("image/\($0)") }).series
        let volume = try DICOMVolume(try #require(series.first), name: "image")
        let truth = try VolumeFormat.nrrd.read(folder.appendingPathComponent("nrrd/label.nrrd"))
        let (labels, _) = try SegmentationFile(folder.appendingPathComponent("seg/label.seg")).labels(
            shape: volume.shape, geometry: volume.geometry)
        #expect(labels.map { $0 != 0 } == truth.values.map { $0 != 0 } && labels.reduce(0) { $0 + Int($1) } == 322)
    }
}
