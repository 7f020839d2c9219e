import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Pictures in PNG and JPEG files. The content decides what a file is, not its name.
///
/// Values are taken as stored: no gamma or colour profile is applied, alpha is dropped, and the EXIF orientation of a JPEG is *not* applied, because
/// masks are drawn on the stored pixels. Values equal Pillow's `convert("RGB")` and `convert("L")`.
public enum PictureFile {
    /// Endings of the files that ``read(_:channels:)`` is for, lower case, without the dot.
    public static let extensions: Set<String> = ["jpg", "jpeg", "png"]

    /// The most pixels a picture may claim in its header: 400 million, well above 12000×9000.
    public static let pixelLimit = 400_000_000

    /// Columns and rows, from the header alone.
    public static func size(of url: URL) throws(PictureError) -> (width: Int, height: Int) {
        try PictureHeader(of: open(url)).size
    }

    /// Reads a picture as stored (grey or RGB), or as grey (`channels` 1) or RGB (3) if asked. 16-bit values keep their high byte.
    ///
    /// A file that is cut off or corrupt is an error, never part of a picture.
    public static func read(_ url: URL, channels: Int? = nil) throws(PictureError) -> Picture {
        try read(open(url), channels: channels)
    }

    /// ``read(_:channels:)`` from the bytes of a file in memory; `name` stands for the path in errors.
    public static func decode(_ bytes: [UInt8], name: String, channels: Int? = nil) throws(PictureError) -> Picture {
        try read(FileReader(bytes, name: name), channels: channels)
    }

    /// Reads a map of labels, 1 channel: grey values as stored (1, 2 and 4 bits scaled to 0…255, as Pillow does), the *indices* of a palette PNG.
    ///
    /// RGB whose channels are equal counts as grey. Colours, and 16-bit values above 255, are errors, because no label could be told from them.
    /// For a mask of two values in any form, `read(url, channels: 1)` is the better choice.
    public static func readLabels(_ url: URL) throws(PictureError) -> Picture {
        try readLabels(open(url))
    }

    /// ``readLabels(_:)`` from the bytes of a file in memory; `name` stands for the path in errors.
    public static func decodeLabels(_ bytes: [UInt8], name: String) throws(PictureError) -> Picture {
        try readLabels(FileReader(bytes, name: name))
    }

    /// The alpha channel of a PNG, 1 channel of 8 bits; nil for a file that has none.
    public static func readAlpha(_ url: URL) throws(PictureError) -> Picture? {
        let file = try open(url)
        guard case .png(let header) = try PictureHeader(of: file) else { return nil }
        return try PNGCodec.decodeAlpha(content(file), header, path: file.name)
    }

    /// Writes a `.png` (lossless) or `.jpg`/`.jpeg` (quality 95, colour at full resolution), whole or not at all.
    public static func write(_ picture: Picture, to url: URL) throws(PictureError) {
        try write(picture, to: url, isDurable: true)
    }

    /// The bytes of a JPEG file of quality 1…100, colour at full resolution; for pictures inside other files.
    public static func jpeg(_ picture: Picture, quality: Int = 90) throws(PictureError) -> [UInt8] {
        precondition((1...100).contains(quality), "a quality of 1 to 100, got \(quality)")
        return try JPEGCodec.encode(picture, path: "a JPEG in memory", quality: quality)
    }

    static func write(_ picture: Picture, to url: URL, isDurable: Bool) throws(PictureError) {
        let bytes =
            switch url.pathExtension.lowercased() {
            case "png": try PNGCodec.encode(picture, path: url.path)
            case "jpg", "jpeg": try JPEGCodec.encode(picture, path: url.path)
            default: throw PictureError.unwritable(path: url.path, reason: "the name must end in .png or .jpg")
            }
        do throws(FileError) {
            try AtomicFile.write(bytes, to: url, isDurable: isDurable)
        } catch {
            throw .unwritable(path: error.file, reason: error.reason)
        }
    }

    private static func open(_ url: URL) throws(PictureError) -> FileReader {
        try reading { () throws(FileError) in try FileReader(url) }
    }

    /// A whole file of at most 2 GiB.
    private static func content(_ file: FileReader) throws(PictureError) -> [UInt8] {
        guard file.size <= 1 << 31 else { throw .unsupported(path: file.name, reason: "a file of more than 2 GiB is not read") }
        return try reading { () throws(FileError) in try file.all() }
    }

    private static func read(_ file: FileReader, channels: Int?) throws(PictureError) -> Picture {
        precondition(channels == nil || channels == 1 || channels == 3, "a picture has 1 or 3 channels")
        let header = try PictureHeader(of: file)
        let data = try content(file)
        let picture =
            switch header {
            case .png(let header): try PNGCodec.decode(data, header, rgb: channels == 3, path: file.name)
            case .jpeg(let header): try JPEGCodec.decode(data, header, rgb: channels == 3, path: file.name)
            }
        return channels == 1 ? picture.grey : picture
    }

    private static func readLabels(_ file: FileReader) throws(PictureError) -> Picture {
        let header = try PictureHeader(of: file)
        let data = try content(file)
        switch header {
        case .png(let header): return try PNGCodec.decodeLabels(data, header, path: file.name)
        case .jpeg(let header): return try labels(JPEGCodec.decode(data, header, rgb: false, path: file.name), path: file.name)
        }
    }

    /// One channel of a picture whose channels are all equal.
    static func labels(_ picture: Picture, path: String) throws(PictureError) -> Picture {
        guard picture.channels == 3 else { return picture }
        let (width, height, rgb) = (picture.width, picture.height, picture.pixels)
        var values = [UInt8](repeating: 0, count: width * height)
        for i in values.indices {
            guard rgb[3 * i] == rgb[3 * i + 1], rgb[3 * i] == rgb[3 * i + 2] else {
                throw .notLabels(path: path, reason: "it is a colour picture (row \(i / width), column \(i % width))")
            }
            values[i] = rgb[3 * i]
        }
        return Picture(width: width, height: height, channels: 1, pixels: values)
    }
}
