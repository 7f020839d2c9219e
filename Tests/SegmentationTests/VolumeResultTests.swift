import DICOM
import Foundation
import Imaging
import TensorFiles
import Testing

@testable import Segmentation

/// Statistics, tables and pictures of a volume's labels.
@Suite("Volume results")
struct VolumeResultTests {
    private let shape = VolumeShape(depth: 3, height: 3, width: 4)

    /// Label 1 in the middle, label 2 at a corner.
    private func labels() throws -> LabelVolume {
        var labels = [UInt8](repeating: 0, count: 36)
        (labels[12 + 4 + 1], labels[12 + 4 + 2]) = (1, 1)
        for voxel in [0, 1, 4, 5] { labels[voxel] = 2 }
        return try LabelVolume(shape: shape, labels: labels)
    }

    @Test func measuresRegions() throws {
        var intensities = [Float](repeating: -7, count: 36)
        (intensities[17], intensities[18]) = (3, 5)
        for (voxel, value) in zip([0, 1, 4, 5], [1, 2, 3, 10] as [Float]) { intensities[voxel] = value }
        let regions = RegionStatistics.measure(
            try labels(), on: intensities, names: [(1, "inside"), (2, "corner"), (3, "nothing")], voxelVolume: 7.5)
        #expect(
            regions[0]
                == RegionStatistics(
                    label: 1, name: "inside", voxels: 2, milliliters: 0.015, mean: 4, median: 4, deviation: 1, touchesBorder: false))
        // numpy: mean 4, median 2.5, std 3.5355339.
        #expect(regions[1].mean == 4 && regions[1].median == 2.5 && abs((regions[1].deviation ?? 0) - 3.5355339) < 1e-6)
        #expect(regions[1].touchesBorder && regions[1].milliliters == 0.03)
        #expect(regions[2].voxels == 0 && regions[2].mean == nil && !regions[2].touchesBorder)
    }

    /// A picture of one slice has no border above and below.
    @Test func oneSliceHasNoUpperBorder() throws {
        let flat = try LabelVolume(shape: VolumeShape(depth: 1, height: 3, width: 3), labels: [0, 0, 0, 0, 1, 0, 0, 0, 0])
        let region = RegionStatistics.measure(flat, on: [Float](repeating: 0, count: 9), names: [(1, "x")], voxelVolume: nil)[0]
        #expect(!region.touchesBorder && region.milliliters == nil)
    }

    @Test func tablesAreSafe() {
        let region = RegionStatistics(
            label: 1, name: "=cmd|'x', \"y\"", voxels: 1, milliliters: 2, mean: 0.1, median: nil, deviation: nil, touchesBorder: true)
        #expect(
            RegionStatistics.csv([region])
                == "label,name,voxels,volume_ml,intensity_mean,intensity_median,intensity_sd,touches_border\n"
                + "1,\"'=cmd|'x', \"\"y\"\"\",1,2.0,0.1,,,true\n")
    }

    @Test func namesAndColours() throws {
        let labels = [
            VolumeLabel(value: 1, name: "left kidney", hexColor: "#0a14FF"),
            VolumeLabel(value: 2, name: "line\nbreak \"x\"", hexColor: nil),
        ]
        #expect(labels[0].color == [10, 20, 255] && labels[1].color == [230, 159, 0])
        #expect(
            LabelTables.itkSnap(labels)
                == "# ITK-SNAP label descriptions\n0 0 0 0 0 0 0 \"Clear Label\"\n1 10 20 255 1 1 1 \"left kidney\"\n"
                + "2 230 159 0 1 1 1 \"line\\u{a}break 'x'\"\n")
        #expect(
            LabelTables.slicer(labels).hasPrefix(
                "# Color table file\n0 background 0 0 0 0\n1 left_kidney 10 20 255 255\n2 line\\u{a}break_"))
        let names = try JSONDecoder().decode([String: String].self, from: Data(LabelTables.json(labels).utf8))
        #expect(names == ["0": "background", "1": "left kidney", "2": "line\nbreak \"x\""])
    }

    /// 3 slices of 5 mm and 4 columns of 1 mm: a coronal plane is taller than wide.
    @Test func previewsAreInMillimetres() throws {
        let sheet = try VolumePreview.draw(
            try labels(), on: [Float](repeating: 0, count: 36), order: VoxelOrder("LPS"),
            spacing: VoxelSpacing(depth: 5, height: 1, width: 1),
            slices: 0, cellSize: 60)
        // Black on a dark ground of 24, three cells of 60 with gaps of 4.
        func size(_ cell: Int) -> (width: Int, height: Int) {
            let left = 4 + cell * 64
            func isInk(_ x: Int, _ y: Int) -> Bool { [0, 1, 2].contains { sheet[y, x, $0] != 24 } }
            let columns = (left..<left + 60).filter { x in (4..<64).contains { isInk(x, $0) } }
            let rows = (4..<64).filter { y in (left..<left + 60).contains { isInk($0, y) } }
            return (columns.count, rows.count)
        }
        #expect(size(0) == (60, 45))  // 4 × 3 mm
        #expect(size(1) == (16, 60))  // 4 × 15 mm
        #expect(size(2) == (12, 60))  // 3 × 15 mm
    }

    @Test func sheetsShowLabelledSlicesTheRadiologistsWay() throws {
        let shape = VolumeShape(depth: 6, height: 8, width: 8)
        var labels = [UInt8](repeating: 0, count: shape.count)
        for voxel in 2 * 64..<3 * 64 { labels[voxel] = 1 }
        var values = [Float](repeating: 0, count: shape.count)
        values[2 * 64] = 1  // row 0, column 0 of the labelled slice
        let volume = try LabelVolume(shape: shape, labels: labels)
        let sheet = try VolumePreview.draw(volume, on: values, order: VoxelOrder("LPS"), spacing: nil, cellSize: 8)
        // Three planes, and below them one slice: only one has labels.
        #expect(sheet.width == 4 + 3 * 12 && sheet.height == 4 + 2 * (12 + 10))
        let plain = try LabelVolume(shape: VolumeShape(depth: 1, height: 8, width: 8), labels: [UInt8](repeating: 0, count: 64))
        func bright(_ order: String) throws -> (Int, Int)? {
            let sheet = try VolumePreview.draw(
                plain, on: Array(values[128..<192]), order: VoxelOrder(order), spacing: nil, slices: 0, cellSize: 8)
            for y in 4..<12 { for x in 4..<12 where sheet[y, x, 0] == 255 { return (y - 4, x - 4) } }
            return nil
        }
        #expect(try #require(try bright("LPS")) == (0, 0))
        #expect(try #require(try bright("RAS")) == (7, 7))
        #expect(try #require(try bright("LAS")) == (7, 0))
    }

    // MARK: Inputs

    private let series = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "DICOMTests/Fixtures/Series")

    @Test func foldersOfSlicesAreOneInput() throws {
        let list = InputList([series.appending(path: "plain").path])
        #expect(list.items.count == 1 && list.failures.isEmpty && list.items[0].name == "plain" && list.items[0].isVolume)
        let file = InputList([series.appending(path: "multiframe/MF.dcm").path])
        #expect(file.items.count == 1 && file.items[0].name == "MF")
        let several = InputList([series.appending(path: "mixed").path])
        #expect(several.items.isEmpty && several.failures.count == 1 && several.failures[0].reason.contains("2: CT, other, 4 slices"))
        #expect(InputList([series.appending(path: "mixed").path], series: "2").items.count == 1)
        #expect(InputList([series.appending(path: "mixed").path], series: "7").failures.count == 1)
        // Every folder below is an input of its own.
        let all = InputList([series.path], recursive: true)
        #expect(all.items.count == 23 && all.failures.count == 1)
    }

    @Test func aSeriesIsAVolume() throws {
        let item = InputList([series.appending(path: "tilt").path]).items[0]
        let volume = try VolumeFile(try #require(item.series), path: item.path)
        #expect(volume.shape == VolumeShape(depth: 6, height: 32, width: 40) && volume.source != nil && volume.notes.count == 1)
        #expect(abs((volume.voxelVolume ?? 0) - 15 * cos(15 * Double.pi / 180)) < 1e-4)
        #expect(volume.voxelOrder?.description == "LPS")
    }
}
