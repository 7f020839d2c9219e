import Foundation
import Imaging
import TestSupport
import Testing

/// Reads bytes in every way. The result is a picture or a `PictureError`; anything else ends the
/// test process.
private func read(_ bytes: [UInt8], name: String = "x.png") -> Result<Picture, PictureError> {
    _ = try? PictureFile.decodeLabels(bytes, name: name)
    do throws(PictureError) { return .success(try PictureFile.decode(bytes, name: name)) } catch { return .failure(error) }
}

private func fixture(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: Fixture.committed.url(name))) }

@Suite struct HostileFileTests {
    @Test(arguments: [
        "one.png", "palette4_transparent_interlaced.png", "grey8.png", "one.jpg", "progressive.jpg", "cmyk.jpg", "restart.jpg",
    ])
    func everyTruncationIsAnError(name: String) throws {
        let whole = try fixture(name)
        for length in 0..<whole.count {
            guard case .failure(let error) = read(Array(whole[..<length])) else {
                Issue.record("\(name) cut to \(length) of \(whole.count) bytes was read")
                return
            }
            switch (length, error) {
            case (0, .empty), (1..., .damaged): break
            default: Issue.record("\(name) cut to \(length) bytes: \(error)")
            }
        }
        #expect(throws: Never.self) { try read(whole).get() }
    }

    @Test func aCutJPEGWithItsEndMarkerIsAnError() throws {
        let whole = try fixture("s444.jpg")
        let cut = Array(whole[..<(whole.count - 120)]) + [0xFF, 0xD9]
        #expect(throws: PictureError.self) { try read(cut).get() }
    }

    @Test(arguments: ["rgb8.png", "grey16_interlaced.png", "palette2.png", "baseline.jpg", "progressive.jpg", "ycck.jpg"])
    func changedBytesNeverCrash(name: String) throws {
        let whole = try fixture(name)
        var random = CounterRandom(seed: 11)
        var errors = 0
        for _ in 0..<400 {
            var bytes = whole
            for _ in 0...random.integer(below: 4) {
                // Half of the changes hit the header.
                let place = random.integer(below: random.chance(0.5) ? min(64, bytes.count) : bytes.count)
                bytes[place] = UInt8(random.integer(below: 256))
            }
            if case .failure = read(bytes) { errors += 1 }
        }
        #expect(errors > 40)
    }

    @Test func changedHeadersWithRightChecksumsNeverCrash() throws {
        let whole = try fixture("palette4.png")
        var random = CounterRandom(seed: 12)
        var errors = 0
        for _ in 0..<400 {
            var bytes = whole
            bytes[16 + random.integer(below: 13)] = UInt8(random.integer(below: random.chance(0.5) ? 20 : 256))
            bytes.replaceSubrange(29..<33, with: checksum(Array(bytes[12..<29])))
            if case .failure = read(bytes) { errors += 1 }
        }
        #expect(errors > 100)
    }

    /// A PNG header that declares a size, with a correct checksum.
    private func png(width: UInt32, height: UInt32, bits: UInt8 = 8, color: UInt8 = 2) throws -> [UInt8] {
        var bytes = try fixture("rgb8.png")
        bytes.replaceSubrange(16..<20, with: withUnsafeBytes(of: width.bigEndian, Array.init))
        bytes.replaceSubrange(20..<24, with: withUnsafeBytes(of: height.bigEndian, Array.init))
        bytes[24] = bits
        bytes[25] = color
        bytes.replaceSubrange(29..<33, with: checksum(Array(bytes[12..<29])))
        return bytes
    }

    @Test func hugeClaimsAreRefusedFromTheHeader() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "a.png")
            for (width, height) in [(60000, 60000), (0x7FFF_FFFF, 0x7FFF_FFFF), (400_000_001, 1)] as [(UInt32, UInt32)] {
                try Data(png(width: width, height: height)).write(to: url)
                let error = #expect(throws: PictureError.self) { try PictureFile.size(of: url) }
                #expect(error == .tooLarge(path: url.path, width: Int(width), height: Int(height), limit: PictureFile.pixelLimit))
                #expect(throws: PictureError.self) { try PictureFile.read(url) }
            }
            // Within the limit, but more than so few bytes can hold.
            try Data(png(width: 12000, height: 9000)).write(to: url)
            #expect(try PictureFile.size(of: url) == (12000, 9000))
            let error = #expect(throws: PictureError.self) { try PictureFile.read(url) }
            #expect(try #require(error).description.contains("12000×9000"))
            for size in [(0, 5), (5, 0), (0x8000_0000, 1), (0xFFFF_FFFF, 0xFFFF_FFFF)] as [(UInt32, UInt32)] {
                try Data(png(width: size.0, height: size.1)).write(to: url)
                #expect(throws: PictureError.self) { try PictureFile.size(of: url) }
            }
        }
    }

    @Test func jpegWithoutEndOfScans() throws {
        let whole = try fixture("progressive.jpg")
        // The last scan repeated many times: hours of work in a small file.
        let start = try #require(whole.indices.dropLast().last { whole[$0] == 0xFF && whole[$0 + 1] == 0xDA })
        let scan = whole[start..<(whole.count - 2)]
        let bomb = Array(whole[..<start]) + Array(repeatElement(scan, count: 5000).joined()) + [0xFF, 0xD9]
        guard case .failure(.unsupported(_, let reason)) = read(bomb) else {
            Issue.record("5000 scans were not refused")
            return
        }
        #expect(reason.contains("scans"))
    }

    private static let foreign: [String: [String]] = [
        "WebP": ["RIFF\u{4}\u{4}\u{4}\u{4}WEBPVP8 "],
        "GIF": ["GIF89a...."],
        "HEIC": ["\0\0\0\u{18}ftypheic...."],
        "AVIF": ["\0\0\0\u{18}ftypavif...."],
        "PDF": ["%PDF-1.7"],
        "HTML": ["\n <!DOCTYPE html><html>", "<html><body>403"],
        "SVG": ["<svg xmlns=''/>"],
        "JPEG 2000": ["\0\0\0\u{C}jP  \r\n"],
        "text": ["just words"],
        "zeros": ["\0\0\0\0\0\0"],
        "git-lfs": ["version https://git-lfs.github.com/spec/v1"],
        "zip": ["PK\u{3}\u{4}"],
    ]

    private static let convertible = ["WebP", "GIF", "HEIC", "AVIF", "JPEG 2000", "SVG"]

    @Test(arguments: foreign.keys.sorted())
    func mislabelledFilesAreNamed(kind: String) throws {
        for content in try #require(Self.foreign[kind]) {
            for name in ["picture.png", "picture.jpg"] {
                guard case .failure(let error) = read(Array(content.utf8), name: name) else {
                    Issue.record("\(kind) was read")
                    return
                }
                guard case .notAPicture(name, let found, let advice) = error else {
                    Issue.record("\(error)")
                    return
                }
                #expect(found.contains(kind))
                #expect(!advice.isEmpty && error.description.hasSuffix(advice))
                if Self.convertible.contains(kind) { #expect(advice == "convert it to PNG or JPEG") }
                if kind == "HTML" || kind == "git-lfs" || kind == "zeros" { #expect(advice.contains("download")) }
            }
        }
    }

    @Test func whatIsNoFile() throws {
        try withTemporaryFolder { folder in
            let missing = folder.appending(path: "missing.png")
            guard case .unreadable(missing.path, _) = try #require(throws: PictureError.self, performing: { try PictureFile.read(missing) })
            else {
                Issue.record("a missing file")
                return
            }
            let error = #expect(throws: PictureError.self) { try PictureFile.read(folder) }
            #expect(try #require(error).description.contains("folder"))
            let pipe = folder.appending(path: "pipe.png")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            #expect(throws: PictureError.self) { try PictureFile.read(pipe) }
        }
    }
}

/// CRC-32 of a PNG chunk, most significant byte first.
private func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return withUnsafeBytes(of: (~crc).bigEndian, Array.init)
}
