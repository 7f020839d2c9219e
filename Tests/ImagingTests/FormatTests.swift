import Foundation
import TestSupport
import Testing

@testable import Files
@testable import Imaging

private struct FormatCase: Decodable {
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
    private static let fixture = try! Fixture(folder: Fixture.committed.url("Formats"))
    fileprivate static let cases = (try? fixture.json("cases.json", as: [FormatCase].self)) ?? []

    private func url(_ name: String) -> URL { Self.fixture.url(name) }

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

    // MARK: Hostile files

    /// Changes every byte of a header in turn, and truncates the file to every length.
    @Test(arguments: [
        "rgb24.bmp", "palette4.bmp", "runs8.bmp", "runs4.bmp", "fields565.bmp", "os2.bmp", "grey8_lzw.tif", "rgb8_tiles_zlib.tif",
        "grey16_packbits.tif", "planar_tiles.tif", "big_big_endian.tif", "palette.tif", "turned6.jpg", "exif_behind.png", "bilevel.tif",
    ])
    func damagedFilesNeverCrash(name: String) throws {
        let whole = try [UInt8](Data(contentsOf: url(name)))
        func tryAll(_ bytes: [UInt8]) -> Bool {
            _ = try? PictureFile.decodeLabels(bytes, name: name)
            return (try? PictureFile.decode(bytes, name: name)) != nil
        }
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 300)) { _ = tryAll(Array(whole[..<length])) }
        var random = CounterRandom(seed: 5)
        // A TIFF's tags are at its start or end, a BMP's header is at its start.
        let places = Array(0..<min(150, whole.count)) + Array(max(0, whole.count - 250)..<whole.count)
        for place in places {
            for value in [UInt8(0), 1, 0x7F, 0x80, 0xFF, UInt8(random.integer(below: 256))] {
                var bytes = whole
                bytes[place] = value
                _ = tryAll(bytes)
            }
        }
        #expect(tryAll(whole))
    }

    @Test func cutPixelsAreErrors() throws {
        for c in Self.cases where c.format == "bmp" {
            let whole = try [UInt8](Data(contentsOf: url(c.name)))
            // Four bytes are at most padding and an end-of-rows marker.
            #expect(throws: PictureError.self, "\(c.name)") { try PictureFile.decode(Array(whole.dropLast(6)), name: c.name) }
        }
        // A TIFF strip declared shorter than it is.
        var bytes = try [UInt8](Data(contentsOf: url("grey8_lzw.tif")))
        let list = Int(bytes.littleEndian(at: try #require(Self.value(of: 279, in: bytes)), as: UInt32.self))
        bytes.replaceSubrange(list..<(list + 2), with: [20, 0])
        let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes, name: "x.tif") }
        #expect(error.description.contains("damaged or truncated"))
    }

    /// Sizes are refused if the file's bytes cannot hold them.
    @Test func sizesThatTheBytesCannotCarryAreRefused() throws {
        func patched(_ name: String, _ places: [(Int, [UInt8])]) throws -> [UInt8] {
            var bytes = try [UInt8](Data(contentsOf: url(name)))
            for (place, values) in places { bytes.replaceSubrange(place..<(place + values.count), with: values) }
            return bytes
        }
        // 19,000 × 19,000 pixels.
        let side: [UInt8] = [0x38, 0x4A, 0, 0]
        for name in ["rgb24.bmp", "runs8.bmp", "palette4.bmp"] {
            let bytes = try patched(name, [(18, side), (22, side)])
            let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes, name: name) }
            guard case .damaged = error else {
                Issue.record("\(error)")
                return
            }
        }
        for name in ["grey8_zlib.tif", "grey8_lzw.tif", "grey8_packbits.tif", "grey8_plain.tif"] {
            let bytes = try [UInt8](Data(contentsOf: url(name)))
            // Width, height and rows per strip, two bytes each.
            let places = try [256, 257, 278].map { tag in try #require(Self.value(of: tag, in: bytes)) }
            let claimed = try patched(name, [(places[0], [0x38, 0x4A]), (places[1], [0x38, 0x4A]), (places[2], [0xFF, 0x7F])])
            let error = try #require(throws: PictureError.self) { try PictureFile.decode(claimed, name: name) }
            guard case .damaged = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    /// The offset of a tag's value in a little-endian TIFF.
    private static func value(of tag: Int, in bytes: [UInt8]) -> Int? {
        let directory = Int(bytes.littleEndian(at: 4, as: UInt32.self))
        let count = Int(bytes.littleEndian(at: directory, as: UInt16.self))
        return (0..<count).map { directory + 2 + 12 * $0 }.first { Int(bytes.littleEndian(at: $0, as: UInt16.self)) == tag }.map { $0 + 8 }
    }

    @Test func arithmeticCodingIsRefused() throws {
        // The frame's marker tells how the pixels are coded.
        var bytes = try [UInt8](Data(contentsOf: url("turned1.jpg")))
        let frame = try #require((2..<bytes.count).first { bytes[$0...].starts(with: [0xFF, 0xC0]) })
        bytes[frame + 1] = 0xC9
        let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes) }
        #expect(error.description.contains("arithmetic coding"))
    }

    /// Zeros, deflated, in tiles that all are the same bytes.
    private func tiled(width: Int, height: Int, tile: Int, samples: Int, bits: Int, packed: [UInt8]) -> [UInt8] {
        let across = (width + tile - 1) / tile
        let count = across * ((height + tile - 1) / tile)
        var bytes: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 10, 0]
        let start = 8 + 2 + 12 * 10 + 4
        let data = count > 1 ? start + 8 * count : start
        for (tag, values, value) in [
            (256, 1, width), (257, 1, height), (258, 1, bits), (259, 1, 8), (262, 1, 1), (277, 1, samples), (322, 1, tile), (323, 1, tile),
            (324, count, count > 1 ? start : data), (325, count, count > 1 ? start + 4 * count : packed.count),
        ] {
            bytes.put(UInt16(tag))
            bytes.put(UInt16(4))
            for field in [values, value] { bytes.put(UInt32(field)) }
        }
        bytes.put(UInt32(0))
        for value in [data, packed.count] where count > 1 { for _ in 0..<count { bytes.put(UInt32(value)) } }
        return bytes + packed
    }

    /// A pixel in a tile of two gigabytes, and a picture of which one sample in sixty-four is seen.
    @Test func tilesCostNoMoreThanTheirPicture() throws {
        // 512 zeros in one stored block, and their checksum.
        let packed: [UInt8] = [0x78, 1, 1, 0, 2, 0xFF, 0xFD] + [UInt8](repeating: 0, count: 512) + [2, 0, 0, 1]
        let sound = tiled(width: 1, height: 1, tile: 16, samples: 2, bits: 8, packed: packed)
        #expect(try PictureFile.decode(sound).pixels == [0])
        let zeros = [UInt8](repeating: 0, count: 70_000)
        for (bytes, words) in [
            (tiled(width: 1, height: 1, tile: 4096, samples: 64, bits: 16, packed: zeros), "far larger than the picture"),
            (tiled(width: 16384, height: 16384, tile: 1024, samples: 64, bits: 8, packed: zeros), "more than 2.1 GB"),
        ] {
            let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes) }
            #expect(error.description.contains(words), "\(error)")
        }
    }

    /// Comments in a file are no pixels.
    @Test func onlyCodedBytesCount() throws {
        var bytes = try [UInt8](Data(contentsOf: url("turned1.jpg")))
        let frame = try #require((2..<bytes.count).first { bytes[$0...].starts(with: [0xFF, 0xC0]) })
        bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0x4E, 0x1F, 0x4E, 0x1F])
        let comment: [UInt8] = [0xFF, 0xFE, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 65533)
        bytes.insert(contentsOf: repeatElement(comment, count: 15).joined(), at: 2)
        let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes) }
        #expect(error.description.contains("coded bytes cannot hold the 19999×19999 pixels"), "\(error)")
    }

    @Test func endlessPaddingBeforeTheFrameEnds() throws {
        let bytes: [UInt8] = [0xFF, 0xD8] + [UInt8](repeating: 0xFF, count: 1 << 20)
        let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes) }
        #expect(error.description.contains("header has no end"))
    }

    /// A chain of directories that returns to its beginning.
    @Test func directoriesInACircleEnd() throws {
        var bytes: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0]
        // One entry: a reduced version, so that the next directory is looked for.
        bytes += [1, 0, 0xFE, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0]
        let error = try #require(throws: PictureError.self) { try PictureFile.decode(bytes) }
        #expect(error.description.contains("endless"))
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
