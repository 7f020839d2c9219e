import Foundation
import Imaging
import TestSupport
import Testing

private struct PictureCase: Decodable {
    let name: String
    let width: Int, height: Int
    let format: String
    let mode: String
    let tolerance: Int
    let labels: Bool?
}

private func compareWithPillow(_ fixture: Fixture) throws -> Int {
    let cases = try fixture.json("pictures.json", as: [PictureCase].self)
    for c in cases {
        let url = fixture.url(c.name)
        // Pillow does not rotate pictures unless told to.
        let size = try PictureFile.info(of: url).stored
        #expect(size == (c.width, c.height), "\(c.name)")
        let rgb = try PictureFile.read(url, channels: 3, asStored: true)
        #expect((rgb.width, rgb.height, rgb.channels) == (c.width, c.height, 3), "\(c.name)")
        #expect(try distance(rgb.pixels, fixture.bytes(c.name + ".rgb")) <= c.tolerance, "\(c.name)")
        let grey = try PictureFile.read(url, channels: 1, asStored: true)
        #expect(grey.channels == 1)
        #expect(try distance(grey.pixels, fixture.bytes(c.name + ".grey")) <= c.tolerance, "\(c.name) as grey")
        let stored = try PictureFile.read(url, asStored: true)
        #expect(stored.channels == 3 ? stored == rgb : stored.rgb == rgb, "\(c.name) as stored")
        if c.labels == true {
            #expect(try PictureFile.readLabels(url, asStored: true).pixels == fixture.bytes(c.name + ".labels"), "\(c.name) as labels")
        }
    }
    return cases.count
}

/// The largest difference of two equally long rows of bytes.
private func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard a.count == b.count else { return Int.max }
    return zip(a, b).map { abs(Int($0) - Int($1)) }.max() ?? 0
}

@Suite struct PictureFileTests {
    @Test func readsAsPillowDoes() throws {
        #expect(try compareWithPillow(.committed) > 60)
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func readsAsPillowDoesLive() throws {
        try withTemporaryFolder { folder in
            try Python.run(file: Fixture.committed.url("make.py"), [folder.path, String(UInt32.random(in: 2...UInt32.max))])
            #expect(try compareWithPillow(Fixture(folder: folder)) > 60)
        }
    }

    @Test func storedChannelsAreKept() throws {
        let fixture = Fixture.committed
        #expect(try PictureFile.read(fixture.url("grey8.png")).channels == 1)
        #expect(try PictureFile.read(fixture.url("grey_alpha8.png")).channels == 1)
        #expect(try PictureFile.read(fixture.url("grey.jpg")).channels == 1)
        #expect(try PictureFile.read(fixture.url("palette4.png")).channels == 3)
        #expect(try PictureFile.read(fixture.url("cmyk.jpg")).channels == 3)
    }

    @Test func orientationIsApplied() throws {
        let url = Fixture.committed.url("rotated_exif.jpg")
        #expect(try PictureFile.size(of: url) == (12, 30))
        #expect(try PictureFile.info(of: url).stored == (30, 12))
    }

    @Test(arguments: ["rgb8.png", "rgba8.png", "grey16.png", "s444.jpg", "cmyk.jpg"])
    func coloursAndWideValuesAreNoLabels(name: String) {
        let error = #expect(throws: PictureError.self) { try PictureFile.readLabels(Fixture.committed.url(name)) }
        guard case .notLabels(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path.hasSuffix(name))
    }

    @Test(arguments: [(1, 1, 1), (1, 1, 3), (3, 2, 1), (37, 29, 3), (64, 1, 3), (1, 64, 1)])
    func writesWhatItReads(width: Int, height: Int, channels: Int) throws {
        try withTemporaryFolder { folder in
            let picture = Picture.noise(width: width, height: height, channels: channels)
            let png = folder.appending(path: "a.PNG")
            try PictureFile.write(picture, to: png)
            #expect(try PictureFile.read(png) == picture)
            let jpeg = folder.appending(path: "a.jpeg")
            let smooth = Picture(width: width, height: height, channels: channels, filledWith: 77)
            try PictureFile.write(smooth, to: jpeg)
            let back = try PictureFile.read(jpeg)
            #expect((back.width, back.height, back.channels) == (width, height, channels))
            #expect(distance(back.pixels, smooth.pixels) <= 2)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.PNG", "a.jpeg"])
        }
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func pillowReadsWhatWeWrite() throws {
        try withTemporaryFolder { folder in
            let picture = Picture.noise(width: 41, height: 23, channels: 3)
            try PictureFile.write(picture, to: folder.appending(path: "a.png"))
            try PictureFile.write(picture.grey, to: folder.appending(path: "b.png"))
            try PictureFile.write(picture.grey, to: folder.appending(path: "c.jpg"))
            try Python.run(
                "from PIL import Image; a=Image.open('a.png'); b=Image.open('b.png'); c=Image.open('c.jpg'); c.load(); assert a.mode=='RGB' and b.mode=='L' and c.mode=='L'; "
                    + "open('a.raw','wb').write(a.tobytes()); open('b.raw','wb').write(b.tobytes())", in: folder)
            #expect([UInt8](try Data(contentsOf: folder.appending(path: "a.raw"))) == picture.pixels)
            #expect([UInt8](try Data(contentsOf: folder.appending(path: "b.raw"))) == picture.grey.pixels)
        }
    }

    @Test func failedWritesLeaveTheOldFile() throws {
        try withTemporaryFolder { folder in
            // A folder cannot be replaced, so the last step of writing, the rename, fails.
            let taken = folder.appending(path: "taken.png")
            try FileManager.default.createDirectory(at: taken.appending(path: "inside"), withIntermediateDirectories: true)
            #expect(throws: PictureError.self) { try PictureFile.write(Picture.noise(width: 2, height: 2, channels: 1), to: taken) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken.png"])
            #expect(throws: PictureError.self) {
                try PictureFile.write(Picture.noise(width: 2, height: 2, channels: 1), to: folder.appending(path: "missing/a.png"))
            }
            #expect(throws: PictureError.self) {
                try PictureFile.write(Picture.noise(width: 2, height: 2, channels: 1), to: folder.appending(path: "a.bmp"))
            }
        }
    }

    @Test(.enabled(if: getuid() != 0, "root may write everywhere"))
    func unwritableFolderKeepsTheOldFile() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "a.png")
            let old = Picture.noise(width: 3, height: 3, channels: 3)
            try PictureFile.write(old, to: url)
            try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
            defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path) }
            #expect(throws: PictureError.self) { try PictureFile.write(Picture.noise(width: 2, height: 2, channels: 1), to: url) }
            #expect(try PictureFile.read(url) == old)
        }
    }
}
