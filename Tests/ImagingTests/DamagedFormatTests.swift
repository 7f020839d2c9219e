import Foundation
import TestSupport
import Testing

@testable import Files
@testable import Imaging

/// Damaged and hostile pictures of the formats.
extension FormatTests {
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

    /// Comments in a file are not pixels.
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
}
