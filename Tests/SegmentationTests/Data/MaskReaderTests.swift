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
        return try reader.read(folder.url.appending(path: "mask.png")).picture.pixels
    }

    private func fault(_ pixels: [UInt8], _ reader: MaskReader) -> DataError? {
        do { _ = try read(pixels, reader) } catch { return error as? DataError }
        return nil
    }

    @Test func binaryMasksInBothForms() throws {
        #expect(try read([0, 255, 255, 0], MaskReader()) == [0, 1, 1, 0])
        #expect(try read([0, 1, 1, 0], MaskReader()) == [0, 1, 1, 0])
        try folder.write(Picture(width: 2, height: 1, channels: 3, pixels: [0, 0, 0, 255, 255, 255]), "mask.png")
        #expect(try MaskReader().read(folder.url.appending(path: "mask.png")).picture.pixels == [0, 1])
    }

    /// Palette PNGs written by Pillow, indices 0, 1, 1, 0: black and dark red, whose luma is
    /// neither 0 nor 255; then white and black, where the colour marks the lesion.
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
        #expect(try MaskReader().read(folder.url.appending(path: "mask.png")).picture.pixels == expected)
    }

    /// Pascal VOC's way, written by Pillow: a palette whose last entry, 255, outlines the objects.
    @Test func aPaletteWithUnlabelledPixels() throws {
        let png =
            "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABCAMAAADO4v//AAADAFBMVEUAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADg4MDaqXn2AAAADUlEQVR4nGNg"
            + "YPzPCAACBwECqfa5CgAAAABJRU5ErkJggg=="
        let url = folder.url.appending(path: "void.png")
        try folder.write(Array(try #require(Data(base64Encoded: png))), "void.png")
        #expect(try MaskReader(ignoredLabel: 255).read(url).picture.pixels == [0, 1, 255, 1])
        #expect(try MaskReader(classes: 2, ignoredLabel: 255).read(url).picture.pixels == [0, 1, 255, 1])
        let error = try #require(throws: DataError.self) { try MaskReader().read(url) }
        #expect(error.remedy.contains("--ignored-label 255"))
    }

    private func mask(_ picture: Picture, _ reader: MaskReader = MaskReader(), as name: String = "mask.png") throws -> Mask {
        try folder.write(picture, name)
        return try reader.read(folder.url.appending(path: name))
    }

    /// Any two values are two classes; one value is all background or all foreground.
    @Test(
        arguments: [
            ([0, 128, 128], [0, 1, 1]), ([0, 76], [0, 1]), ([1, 255], [0, 1]), ([1, 2, 1], [0, 1, 0]), ([0, 0], [0, 0]),
            ([255, 255], [1, 1]),
            ([1], [1]), ([250, 255], [1, 1]),
        ] as [([UInt8], [UInt8])])
    func twoValuesAreTwoClasses(pixels: [UInt8], expected: [UInt8]) throws { #expect(try read(pixels, MaskReader()) == expected) }

    @Test func emptyMasksAreTakenAndCounted() throws {
        let empty = try mask(Picture(width: 9, height: 7, channels: 1, filledWith: 0))
        #expect(empty.traits.isEmpty && empty.traits.labels == [0] && empty.traits.pixels == 63)
        let full = try mask(Picture(width: 9, height: 7, channels: 1, filledWith: 255))
        #expect(full.traits.isFull && full.traits.labels == [1])
        let labels = try mask(Picture(width: 3, height: 3, channels: 1, filledWith: 0), MaskReader(classes: 4))
        #expect(labels.traits.isEmpty && labels.picture.pixels == [UInt8](repeating: 0, count: 9))
    }

    /// A disc smoothed by averaging 4×4 pixels: 127.5 and more is foreground, and the share of grey
    /// is counted.
    @Test func smoothedMasksAreCutAtOneHalf() throws {
        let large = Picture.disc(width: 160, height: 160)
        var small = Picture(width: 40, height: 40, channels: 1)
        var grey = 0
        for y in 0..<40 {
            for x in 0..<40 {
                let sum = (0..<16).reduce(0) { $0 + Int(large[4 * y + $1 / 4, 4 * x + $1 % 4]) }
                small[y, x] = UInt8(sum / 16)
                grey += sum > 0 && sum < 16 * 255 ? 1 : 0
            }
        }
        let cut = try mask(small)
        #expect(cut.picture.pixels == small.pixels.map { $0 >= 128 ? 1 : 0 })
        #expect(cut.traits.grey == grey && grey > 20)
        let low = try mask(small, MaskReader(threshold: 0.1))
        #expect(low.picture.pixels == small.pixels.map { $0 >= 26 ? 1 : 0 })
        let jpeg = try mask(.disc(width: 64, height: 48), as: "mask.jpg")
        #expect(jpeg.picture.pixels == Picture.disc(width: 64, height: 48).pixels.map { $0 == 255 ? 1 : 0 })
        #expect(jpeg.traits.grey > 0)
    }

    /// Labels have interiors, smoothing does not: a map of several classes is not silently cut in
    /// two.
    @Test(arguments: [[0, 1, 2], [0, 127, 255], [0, 50, 100], [0, 1, 255]] as [[UInt8]])
    func labelsAreNoBinaryMask(values: [UInt8]) throws {
        let picture = Picture(width: 30, height: 20, channels: 1, pixels: (0..<600).map { values[$0 % 30 / 10] })
        let error = try #require(throws: DataError.self) { try mask(picture) }
        #expect(error.kind == .greyMask && error.description.contains(values.map(String.init).joined(separator: ", ")))
        #expect(error.remedy.contains(values == [0, 1, 255] ? "--ignored-label 255" : "--classes 3"))
    }

    @Test func faintMasksNameTheOption() throws {
        let faint = Picture(width: 64, height: 1, channels: 1, pixels: (0..<64).map { UInt8(2 * $0) })
        let error = try #require(throws: DataError.self) { try mask(faint) }
        #expect(error.description.contains("end at 126") && error.remedy.contains("--mask-threshold 0.24"))
    }

    @Test func paintedInTwoColours() throws {
        func picture(_ a: [UInt8], _ b: [UInt8]) -> Picture { Picture(width: 3, height: 1, channels: 3, pixels: a + b + b) }
        for (background, colour, name) in [
            ([0, 0, 0], [0, 0, 255], "#0000FF"), ([255, 255, 255], [200, 0, 0], "#C80000"), ([60, 0, 90], [255, 255, 0], "#FFFF00"),
        ] as [([UInt8], [UInt8], String)] {
            let painted = try mask(picture(background, colour))
            #expect(painted.picture.pixels == [0, 1, 1] && painted.traits.color == name)
        }
        let many = Picture(width: 3, height: 1, channels: 3, pixels: [0, 0, 0, 255, 0, 0, 0, 255, 0])
        let error = try #require(throws: DataError.self) { try mask(many) }
        #expect(error.description.contains("3 colours") && error.description.contains("#FF0000"))
    }

    /// Areas of 0, 200 and 300 in 16 bits, by Pillow: labels, though their high bytes are 0, 0 and 1.
    @Test func wideLabelsAreNoBinaryMask() throws {
        let folder = try TemporaryFolder()
        let png = "iVBORw0KGgoAAAANSUhEUgAAAAkAAAAGEAAAAABkPDdaAAAAHElEQVR4nGNgwACMDCegLAtGHQiDCVMVcUJYAABr/wE1x0ZlhQAAAABJRU5ErkJggg=="
        try folder.write(Array(try #require(Data(base64Encoded: png))), "wide.png")
        let error = try #require(throws: DataError.self) { try MaskReader().read(folder.url.appending(path: "wide.png")) }
        #expect(error.description.contains("0, 200, 300") && error.description.contains("--classes 3"), "\(error)")
    }

    /// 16-bit masks written by Pillow, with values 0 and 1, 0 and 255, 0 and 65535.
    @Test(arguments: [
        "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABEAAAAACMx4xSAAAAEUlEQVR4nGNgYGBgZGBkYAAAABEAA5iWgLYAAAAASUVORK5CYII=",
        "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABEAAAAACMx4xSAAAAEUlEQVR4nGNgYGD4z/CfgQEACAEB/9hnUUwAAAAASUVORK5CYII=",
        "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABEAAAAACMx4xSAAAAEUlEQVR4nGNgYPj///9/BgYAEfcD/b/BKLgAAAAASUVORK5CYII=",
    ])
    func sixteenBits(png: String) throws {
        try folder.write(Array(try #require(Data(base64Encoded: png))), "wide.png")
        #expect(try MaskReader().read(folder.url.appending(path: "wide.png")).picture.pixels == [0, 1, 1, 0])
    }

    /// Written by Pillow: all white with the mask in the alpha channel, then grey with an opaque
    /// one.
    @Test func aMaskInTheAlphaChannelIsNamed() throws {
        let hidden =
            "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABCAYAAAD5PA/NAAAAFUlEQVR4nGP8//8/AwMDw38GCGAEADXtA/8H57D2AAAAAElFTkSuQmCC"
        let opaque = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAABCAQAAABTNcdGAAAAEUlEQVR4nGNk+P+fgYGBkQEADQcCAcM+TysAAAAASUVORK5CYII="
        try folder.write(Array(try #require(Data(base64Encoded: hidden))), "hidden.png")
        try folder.write(Array(try #require(Data(base64Encoded: opaque))), "opaque.png")
        let error = try #require(throws: DataError.self) { try MaskReader().read(folder.url.appending(path: "hidden.png")) }
        #expect(error.kind == .uniformMask && error.description.contains("alpha"))
        #expect(try MaskReader().read(folder.url.appending(path: "opaque.png")).picture.pixels == [0, 1, 1, 0])
    }

    @Test func pixelsThatNobodyLabelled() throws {
        #expect(try read([0, 1, 255, 1], MaskReader(ignoredLabel: 255)) == [0, 1, 255, 1])
        let picture = Picture(width: 4, height: 1, channels: 1, pixels: [0, 1, 255, 1])
        let traits = try mask(picture, MaskReader(ignoredLabel: 255)).traits
        #expect(traits.ignored == 1 && traits.pixels == 3 && traits.foreground == 2 && traits.labels == [0, 1])
        #expect(try read([0, 255, 7, 0], MaskReader(ignoredLabel: 7)) == [0, 1, 7, 0])
    }

    @Test func labels() throws {
        #expect(try read([0, 1, 2, 3], MaskReader(classes: 4)) == [0, 1, 2, 3])
        #expect(try read([0, 3, 255, 255], MaskReader(classes: 4, ignoredLabel: 255)) == [0, 3, 255, 255])
        #expect(try read([2, 2], MaskReader(classes: 4)) == [2, 2])
    }

    @Test func labelsOutOfRangeAreRefused() throws {
        let error = try #require(fault([0, 1, 4, 4, 255], MaskReader(classes: 4, ignoredLabel: 255)))
        #expect(error.kind == .labelOutOfRange)
        #expect(error.description.contains("labels are 0…3") && error.description.contains("4 (2 pixels)"))
        #expect(error.remedy.contains("number them 0, 1, 2"))
        #expect(fault([0, 1, 2, 3, 4], MaskReader(classes: 4))?.remedy.contains("at least 5 classes") == true)
        #expect(fault([0, 1, 2, 255], MaskReader(classes: 3))?.remedy.contains("data.ignored_label") == true)
        #expect(fault([0, 255], MaskReader(classes: 2))?.remedy.contains("binary") == true)
    }

    @Test func coloursAreNoLabels() throws {
        try folder.write(Picture(width: 2, height: 1, channels: 3, pixels: [0, 0, 0, 255, 0, 0]), "mask.png")
        #expect(throws: DataError.self) { try MaskReader(classes: 3).read(folder.url.appending(path: "mask.png")) }
    }
}
