import Foundation
import Testing

@testable import DICOM

/// Values as DICOM writes them.
@Suite("Writing DICOM")
struct WritingTests {
    @Test(arguments: [
        (0.0, "0"), (5.0, "5"), (-0.9765625, "-0.9765625"), (1.0 / 3, "0.3333333333333"), (-1.0 / 3, "-0.3333333333333"), (1e-7, "1e-07"),
        (-804.5, "-804.5"), (123456.123456789, "123456.123456789"), (-123456.1234567891, "-123456.12345679"), (.nan, "0"),
    ]) func decimalsFitInSixteenCharacters(value: Double, text: String) {
        #expect(DataSetBuilder.decimal(value) == text)
        #expect(DataSetBuilder.decimal(value).count <= 16)
    }

    @Test func numbersOfAllSizesFit() {
        for power in -300...300 {
            for digits in [1.0, 1.2345678901234567, -9.8765432109876543] {
                #expect(DataSetBuilder.decimal(digits * Double("1e\(power)")!).count <= 16, "\(digits)e\(power)")
            }
        }
    }

    /// White, black and red in CIELab, by the tables of the profile connection space.
    @Test func coloursAreCIELab() {
        #expect(CIELab.scaled([255, 255, 255]) == [65535, 32896, 32896])
        #expect(CIELab.scaled([0, 0, 0]) == [0, 32896, 32896])
        let red = CIELab.scaled([255, 0, 0])
        for (value, expected) in zip(red, [53.24 / 100, (80.09 + 128) / 255, (67.20 + 128) / 255]) {
            #expect(abs(Double(value) / 65535 - expected) < 2e-4)
        }
    }

    @Test func namesFindTheirCodes() {
        let codes = SegmentCodes()
        #expect(codes.entry("Spleen").type.value == "78961009")
        let kidney = codes.entry("kidney_left")
        #expect(kidney.type.value == "64033007" && kidney.modifier?.meaning == "Left")
        #expect(codes.entry("Right Kidney").modifier?.value == "24028007")
        #expect(codes.entry("left ventricle").type.value == "87878005" && codes.entry("left ventricle").modifier == nil)
        #expect(codes.entry("lungs").type.meaning == "Lung" && codes.entry("class 7").type.value == "85756007")
    }

    /// What was compressed with loss once stays marked in captures, with the ratio and the method.
    @Test func lossIsCarriedOn() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("vmunet-loss-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        func captured(_ more: DataSetBuilder) throws -> DataSet {
            for file in try Fixtures.files("plain") {
                var bytes = [UInt8](try Data(contentsOf: file))
                let pixels = try #require(bytes.firstRange(of: [0xE0, 0x7F, 0x10, 0x00]))
                bytes.insert(contentsOf: more.encoded(), at: pixels.lowerBound)
                try Data(bytes).write(to: root.appendingPathComponent(file.lastPathComponent))
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".dcm") }
            let series = try #require(DICOMFolder(files.map { root.appendingPathComponent($0) }).series.first)
            let source = try #require(try DICOMVolume(series, name: "series").source)
            let folder = root.appendingPathComponent("capture")
            try SecondaryCapture(source: source).write(to: folder) { _ in ([UInt8](repeating: 0, count: 12), 2, 2) }
            return try DICOMFile(folder.appendingPathComponent("IM0001.dcm")).dataSet
        }
        #expect(try captured(DataSetBuilder()).text(.lossy) == nil)
        var loss = DataSetBuilder()
        loss.text(.lossy, "CS", "01")
        loss.text(.lossyRatio, "DS", "12.5")
        loss.text(.lossyMethod, "CS", "ISO_15444_1")
        let set = try captured(loss)
        #expect([set.text(.lossy), set.text(.lossyRatio), set.text(.lossyMethod)] == ["01", "12.5", "ISO_15444_1"])
    }

    @Test func bitsArePackedFromTheLowest() {
        var bits = BitPacker()
        bits.add([1, 0, 0, 1, 1][...], 1)
        bits.add([0, 1, 1, 0, 1][...], 1)
        #expect(bits.bytes == [0b1101_1001, 0b10])
    }
}
