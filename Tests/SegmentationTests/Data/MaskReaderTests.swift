import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite struct MaskReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ pixels: [UInt8], _ reader: MaskReader) throws -> [UInt8] {
        try folder.write(Picture(width: pixels.count, height: 1, channels: 1, pixels: pixels), "mask.png")
        return try reader.read(folder.url.appending(path: "mask.png")).pixels
    }

    private func fault(_ pixels: [UInt8], _ reader: MaskReader) -> DataError? {
        do { _ = try read(pixels, reader) } catch { return error as? DataError }
        return nil
    }

    @Test func binaryMasksInBothForms() throws {
        #expect(try read([0, 255, 255, 0], MaskReader()) == [0, 1, 1, 0])
        #expect(try read([0, 1, 1, 0], MaskReader()) == [0, 1, 1, 0])
        try folder.write(Picture(width: 2, height: 1, channels: 3, pixels: [0, 0, 0, 255, 255, 255]), "mask.png")
        #expect(try MaskReader().read(folder.url.appending(path: "mask.png")).pixels == [0, 1])
    }

    /// Palette PNGs written by Pillow, indices 0, 1, 1, 0: black and dark red, whose luma is neither 0 nor 255; then white and black, where colour tells the lesion.
    @Test(
        arguments: [
            (
                "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABAQMAAADD8p2OAAAABlBMVEUAAADIAAA62343AAAACklEQVR4nGNIAAAAYgBhsZh58gAAAABJRU5ErkJggg==",
                [0, 1, 1, 0]
            ),
            (
                "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABAQMAAADD8p2OAAAABlBMVEX///8AAABVwtN+AAAACklEQVR4nGNIAAAAYgBhsZh58gAAAABJRU5ErkJggg==",
                [1, 0, 0, 1]
            ),
        ] as [(String, [UInt8])])
    func palettes(png: String, expected: [UInt8]) throws {
        try folder.write(Array(#require(Data(base64Encoded: png))), "mask.png")
        #expect(try MaskReader().read(folder.url.appending(path: "mask.png")).pixels == expected)
    }

    @Test(arguments: [[0, 128], [0, 254, 255], [1, 255], [0, 1, 2], [7]] as [[UInt8]])
    func greyIsRefused(pixels: [UInt8]) throws {
        let error = try #require(fault(pixels, MaskReader()))
        #expect(error.kind == .greyMask)
        #expect(error.path.hasSuffix("mask.png") && !error.remedy.isEmpty)
    }

    @Test func greySaysTheValueAndHowOften() {
        #expect(fault([0, 255, 7, 7, 9], MaskReader())?.description.contains("also 7 (2 pixels)") == true)
    }

    @Test(arguments: [0, 1, 255] as [UInt8])
    func oneValueIsRefusedUnlessAllowed(value: UInt8) throws {
        #expect(fault([value, value, value], MaskReader())?.kind == .uniformMask)
        let allowed = try read([value, value, value], MaskReader(allowsUniformMasks: true))
        #expect(allowed == [UInt8](repeating: value == 0 ? 0 : 1, count: 3))
    }

    @Test func labels() throws {
        #expect(try read([0, 1, 2, 3], MaskReader(classes: 4)) == [0, 1, 2, 3])
        #expect(try read([0, 3, 255, 255], MaskReader(classes: 4, ignoredLabel: 255)) == [0, 3, 255, 255])
        #expect(fault([2, 2], MaskReader(classes: 4))?.kind == .uniformMask)
        #expect(try read([2, 2], MaskReader(classes: 4, allowsUniformMasks: true)) == [2, 2])
    }

    @Test func labelsOutOfRangeAreRefused() throws {
        let error = try #require(fault([0, 1, 4, 4, 255], MaskReader(classes: 4, ignoredLabel: 255)))
        #expect(error.kind == .labelOutOfRange)
        #expect(error.description.contains("labels are 0…3") && error.description.contains("4 (2 pixels)"))
        #expect(error.remedy.contains("at least 5 classes"))
        #expect(fault([0, 255], MaskReader(classes: 2))?.remedy.contains("binary") == true)
    }

    @Test func coloursAreNoLabels() throws {
        try folder.write(Picture(width: 2, height: 1, channels: 3, pixels: [0, 0, 0, 255, 0, 0]), "mask.png")
        #expect(throws: DataError.self) { try MaskReader(classes: 3).read(folder.url.appending(path: "mask.png")) }
    }
}
