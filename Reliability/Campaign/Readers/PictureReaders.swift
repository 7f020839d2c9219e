import Foundation
import Imaging

let pictureReaders: [any Reader] = [
    PictureReader(name: "png", ending: "png", fixtures: ["png"], envelope: .png),
    PictureReader(name: "jpeg", ending: "jpg", fixtures: ["jpg"], envelope: .jpeg),
    PictureReader(name: "bmp", ending: "bmp", fixtures: ["bmp"]),
    PictureReader(name: "tiff", ending: "tif", fixtures: ["tif", "tiff"]),
    EXIFReader(),
]

private struct PictureReader: Reader {
    var name: String
    var ending: String
    var fixtures: [String]
    var envelope = Envelope.none

    func read(_ file: Scratch) throws { try readPicture(file) }
}

/// Camera metadata: the payload of a JPEG's APP1 segment, within the smallest possible JPEG.
private struct EXIFReader: Reader {
    let name = "exif"
    let ending = "jpg"
    let fixtures = ["jpg"]

    private static let picture = Picture(width: 2, height: 1, channels: 3, pixels: [255, 0, 0, 0, 0, 255])
    private static let whole: [UInt8] = (try? PictureFile.jpeg(picture)) ?? []

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        (Envelope.jpeg.open(fixture) ?? []).filter { $0.label == [0xFF, 0xE1] }.map(\.bytes)
    }

    func file(of input: [UInt8]) -> [UInt8] {
        guard let parts = Envelope.jpeg.open(Self.whole) else { return [] }
        return Envelope.jpeg.seal([Envelope.Part(label: [0xFF, 0xE1], bytes: Array(input.prefix(65533)))] + parts)
    }

    func read(_ file: Scratch) throws {
        try readPicture(file)
        Promise.hold(try PictureFile.read(file.url).pixels.count == 6, "a picture of two pixels has another number of them")
    }
}

private func readPicture(_ file: Scratch) throws {
    var (decoded, fault) = (nil as Picture?, nil as (any Error)?)
    func attempt(_ read: () throws -> Picture) {
        do {
            let picture = try read()
            Promise.hold(
                picture.pixels.count == picture.width * picture.height * picture.channels && !picture.pixels.isEmpty,
                "\(picture.width)×\(picture.height)×\(picture.channels) pixels and \(picture.pixels.count) values")
            if let decoded {
                Promise.hold(decoded.width == picture.width && decoded.height == picture.height, "two ways of reading give two sizes")
            }
            decoded = picture
        } catch {
            Promise.check(error, about: file)
            fault = error
        }
    }
    attempt { try PictureFile.decode(file.bytes, name: file.name) }
    switch file.digest % 4 {
    case 0: attempt { try PictureFile.decode(file.bytes, name: file.name, channels: 3) }
    case 1: attempt { try PictureFile.decode(file.bytes, name: file.name, channels: 1) }
    case 2: attempt { try PictureFile.decodeLabels(file.bytes, name: file.name) }
    default:
        attempt { try PictureFile.read(file.url) }
        if let decoded {
            let size = try PictureFile.size(of: file.url)
            Promise.hold(size == (decoded.width, decoded.height), "the header's size \(size) is not the picture's")
            try checkThatItReadsBack(decoded, file)
        }
    }
    if let fault { throw fault }
}

private func checkThatItReadsBack(_ picture: Picture, _ file: Scratch) throws {
    guard picture.pixels.count <= 1 << 14 else { return }
    let copy = file.other("input.copy.png")
    try PictureFile.write(picture, to: copy)
    Promise.hold(try PictureFile.read(copy) == picture, "a picture of \(picture.width)×\(picture.height) reads back otherwise")
}
