import Foundation
import TestSupport
import Testing

@testable import Files
@testable import Imaging

struct FormatCase: Decodable {
    let name: String
    let width: Int, height: Int, channels: Int, bits: Int
    let format: String
    let orientation: Int
    let labels: Bool
    let mask: Bool
}

/// BMP, TIFF, 16-bit masks and rotated pictures, compared with Pillow and tifffile
/// (`Fixtures/Formats/make.py`).
@Suite struct FormatTests {
    static let fixture = try! Fixture(folder: Fixture.committed.url("Formats"))
    static let cases = (try? fixture.json("cases.json", as: [FormatCase].self)) ?? []

    func url(_ name: String) -> URL { Self.fixture.url(name) }

    @Test func theCasesAreThere() { #expect(Self.cases.count > 100) }

    @Test(arguments: cases.map(\.name)) func readsAsOthersDo(name: String) throws {
        let c = try #require(Self.cases.first { $0.name == name })
        let info = try PictureFile.info(of: url(name))
        #expect((info.width, info.height) == (c.width, c.height))
        #expect(info.format.rawValue == c.format && info.bits == c.bits && info.orientation.rawValue == c.orientation)
        #expect(try PictureFile.size(of: url(name)) == (c.width, c.height))
        let expected = try Self.fixture.bytes(name)
        let picture = try PictureFile.read(url(name))
        #expect((picture.width, picture.height) == (c.width, c.height))
        let rgb = Picture(width: c.width, height: c.height, channels: c.channels, pixels: expected).rgb
        #expect(picture.rgb == rgb)
        #expect(try PictureFile.read(url(name), channels: 3) == rgb)
        #expect(try PictureFile.read(url(name), channels: 1) == rgb.grey)
        if c.labels { #expect(try PictureFile.readLabels(url(name)).pixels == Self.fixture.bytes(name + ".labels")) }
        if c.mask { #expect(try PictureFile.readMask(url(name)).pixels == Self.fixture.bytes(name + ".mask")) }
        // From memory, and truncated anywhere near the end: an error, never part of a picture.
        let bytes = try [UInt8](Data(contentsOf: url(name)))
        #expect(try PictureFile.decode(bytes, name: name) == picture)
        #expect(try PictureFile.decode(Data(bytes)) == picture)
    }

    @Test(arguments: [
        ("refused_pages.tif", "several pictures"), ("refused_float.tif", "32 bits"), ("refused_32bit.tif", "32 bits"),
        ("refused_jpeg.tif", "JPEG packing"), ("refused_cmyk.tif", "CMYK"), ("refused_zstd.tif", "Zstandard"),
    ])
    func saysWhatIsNotRead(name: String, reason: String) throws {
        let error = try #require(throws: PictureError.self) { try PictureFile.read(url(name)) }
        guard case .unsupported(_, let found) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found.contains(reason) && error.description.contains("convert it to an 8-bit PNG or JPEG"))
    }

    @Test func sixteenBitLabelsEndAt255() throws {
        for name in ["mask16_065535.png", "mask16_065535.tif"] {
            let error = try #require(throws: PictureError.self) { try PictureFile.readLabels(url(name)) }
            #expect(error.description.contains("the 16-bit value 65535; labels end at 255"))
        }
    }

    // MARK: Orientation

    @Test(arguments: 1...8) func theStoredPictureCanBeHad(orientation: Int) throws {
        let upright = try PictureFile.read(url("turned1.png"))
        for ending in ["png", "tif"] {
            let name = url("turned\(orientation).\(ending)")
            #expect(try PictureFile.read(name, asStored: true) == upright)
            #expect(try PictureFile.info(of: name).stored == (upright.width, upright.height))
        }
    }

    @Test(arguments: PictureOrientation.allCases) func turningBackGivesThePicture(orientation: PictureOrientation) {
        for size in [(1, 1), (1, 5), (7, 1), (130, 67), (64, 128)] {
            for channels in [1, 3] {
                let picture = Picture.noise(width: size.0, height: size.1, channels: channels)
                let turned = orientation.applied(to: picture)
                #expect((turned.width == picture.height && turned.height == picture.width) || !orientation.swapsSides)
                #expect(orientation.inverse.applied(to: turned) == picture)
            }
        }
    }

    /// A mask of a rotated picture fits if it was drawn on what viewers show, or rotated with it.
    @Test func masksFitWhatIsSeen() throws {
        let picture = try PictureFile.read(url("turned6.jpg"))
        let mask = Picture(width: picture.width, height: picture.height, channels: 1, filledWith: 1)
        #expect(try Overlay.draw(mask, on: picture).width == picture.width)
        #expect(try PictureFile.readLabels(url("turned_mask.png")).height == 29)
    }

    // MARK: Opacity and layouts

    @Test func opacityIsRead() throws {
        #expect(try PictureFile.readAlpha(url("opacity.png"))?.pixels == Self.fixture.bytes("opacity.png.opacity"))
        #expect(try PictureFile.readAlpha(url("opacity_palette.png"))?.pixels == Self.fixture.bytes("opacity_palette.png.opacity"))
        #expect(try PictureFile.readAlpha(url("turned1.png")) == nil)
        #expect(try PictureFile.readAlpha(url("rgb24.bmp")) == nil)
    }

    @Test(arguments: PixelLayout.allCases, [0, 5]) func layoutsReadBack(layout: PixelLayout, padding: Int) throws {
        let picture = Picture.noise(width: 5, height: 4, channels: layout == .grey ? 1 : 3)
        let stride = 5 * layout.bytesPerPixel + padding
        let bytes = try picture.bytes(as: layout, rowStride: stride)
        #expect(bytes.count == stride * 4)
        #expect(try Picture(bytes, width: 5, height: 4, layout: layout, rowStride: stride) == picture)
        // The last row's padding may be missing.
        #expect(try Picture(Array(bytes.dropLast(padding)), width: 5, height: 4, layout: layout, rowStride: stride) == picture)
    }

    @Test func layoutsPlaceTheirChannels() throws {
        let picture = Picture(width: 2, height: 1, channels: 3, pixels: [1, 2, 3, 4, 5, 6])
        #expect(try picture.bytes(as: .bgra) == [3, 2, 1, 255, 6, 5, 4, 255])
        #expect(try picture.bytes(as: .rgba) == [1, 2, 3, 255, 4, 5, 6, 255])
        #expect(try picture.bytes(as: .bgr, rowStride: 8) == [3, 2, 1, 6, 5, 4, 0, 0])
        #expect(try picture.bytes(as: .grey) == picture.grey.pixels)
        let grey = Picture(width: 2, height: 1, channels: 1, pixels: [7, 9])
        #expect(try grey.bytes(as: .rgba) == [7, 7, 7, 255, 9, 9, 9, 255])
        #expect(try grey.bytes(as: .rgb) == [7, 7, 7, 9, 9, 9])
        #expect(try grey.bytes(as: .grey, rowStride: 3) == [7, 9, 0])
    }

    @Test(arguments: [(0, 1, 3), (1, 0, 3), (-1, 2, 3), (Int.max, 2, 3), (2, 2, 5), (30_000, 30_000, 90_000)])
    func impossibleSizesThrow(width: Int, height: Int, stride: Int) {
        #expect(throws: PictureError.self) {
            try Picture([UInt8](repeating: 0, count: 11), width: width, height: height, layout: .rgb, rowStride: stride)
        }
        #expect(throws: PictureError.self) { try Picture.noise(width: 2, height: 2, channels: 3).bytes(as: .rgba, rowStride: 7) }
    }

    // MARK: Writing

    /// Pictures of several bands, which threads pack side by side.
    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func pillowReadsBands() throws {
        try withTemporaryFolder { folder in
            let small = Picture.noise(width: 701, height: 211, channels: 3)
            var large = Picture(width: 701, height: 2000, channels: 3)
            for y in 0..<2000 {
                for x in 0..<701 { for c in 0..<3 { large[y, x, c] = y % 700 < 300 ? small[y % 211, x, c] : UInt8((x + y * c) % 256) } }
            }
            for (name, picture) in [
                ("color", large), ("grey", large.grey), ("thin", Picture(width: 1, height: 70_000, channels: 1, filledWith: 9)),
            ] {
                try PictureFile.write(picture, to: folder.appending(path: name + ".png"))
                try Data(picture.pixels).write(to: folder.appending(path: name + ".raw"))
                #expect(try PictureFile.read(folder.appending(path: name + ".png")) == picture)
                #expect(try PictureFile.png(picture) == [UInt8](Data(contentsOf: folder.appending(path: name + ".png"))))
            }
            try Python.run(
                """
                from PIL import Image
                for n in ('color', 'grey', 'thin'):
                    i = Image.open(n + '.png'); i.load()
                    assert i.tobytes() == open(n + '.raw', 'rb').read(), n
                """, in: folder)
        }
    }
}
