import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads and writes pictures in PNG, JPEG, BMP and TIFF files. The content decides a file's format,
/// not its name.
///
/// Pictures are turned as their EXIF says, as in viewers. Otherwise values are those stored: no
/// gamma or colour profile is applied, and opacity is dropped. They equal Pillow's
/// `exif_transpose`, `convert("RGB")` and `convert("L")`.
public enum PictureFile {
    /// The usual endings of files for ``read(_:channels:asStored:)``, lower case, without the dot.
    public static let extensions: Set<String> = ["jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "tif", "tiff"]

    /// The most pixels that a header may claim: 400 million, well above 12000×9000.
    public static let pixelLimit = 400_000_000

    /// Columns and rows as viewers show the picture, read from the header alone.
    public static func size(of url: URL) throws(PictureError) -> (width: Int, height: Int) {
        let info = try info(of: url)
        return (info.width, info.height)
    }

    /// A picture's header, without decoding the picture.
    public static func info(of url: URL) throws(PictureError) -> PictureInfo { PictureInfo(try PictureHeader(of: open(url))) }

    /// The header of a file's bytes in memory; errors use `name` as the path.
    package static func info(_ bytes: [UInt8], name: String) throws(PictureError) -> PictureInfo {
        PictureInfo(try PictureHeader(of: FileReader(bytes, name: name)))
    }

    /// Reads a picture in its own channels (grey or RGB), or as grey (`channels` 1) or RGB (3).
    /// 16-bit values keep their high byte.
    ///
    /// A truncated or corrupt file is an error; it never yields part of a picture.
    /// `asStored` leaves the picture as stored, ignoring its EXIF orientation.
    public static func read(_ url: URL, channels: Int? = nil, asStored: Bool = false) throws(PictureError) -> Picture {
        try read(open(url), channels: channels, asStored: asStored)
    }

    /// Like ``read(_:channels:asStored:)``, from a file's bytes in memory; errors use `name` as the
    /// path.
    public static func decode(
        _ bytes: [UInt8], name: String = "a picture in memory", channels: Int? = nil, asStored: Bool = false
    ) throws(PictureError) -> Picture {
        try read(FileReader(bytes, name: name), channels: channels, asStored: asStored)
    }

    /// Like ``read(_:channels:asStored:)``, from a file's content in memory; errors use `name` as
    /// the path.
    public static func decode(
        _ data: Data, name: String = "a picture in memory", channels: Int? = nil, asStored: Bool = false
    ) throws(PictureError) -> Picture {
        try decode([UInt8](data), name: name, channels: channels, asStored: asStored)
    }

    /// Reads a map of labels, 1 channel: grey values as stored (1, 2 and 4 bits scaled to 0…255, as
    /// in Pillow), or the *indices* of a palette.
    ///
    /// RGB with equal channels counts as grey. Colours, and 16-bit values above 255, are errors:
    /// they do not identify labels. For a mask of two values, ``readMask(_:asStored:)`` is the
    /// better choice.
    public static func readLabels(_ url: URL, asStored: Bool = false) throws(PictureError) -> Picture {
        try readLabels(open(url), asStored: asStored)
    }

    /// Like ``readLabels(_:asStored:)``, from a file's bytes in memory; errors use `name` as the
    /// path.
    public static func decodeLabels(_ bytes: [UInt8], name: String, asStored: Bool = false) throws(PictureError) -> Picture {
        try readLabels(FileReader(bytes, name: name), asStored: asStored)
    }

    /// Reads a mask's grey values, 0…255. All bits of a 16-bit file count: values stay as they are
    /// if none exceeds 255; otherwise they are scaled to 8 bits.
    public static func readMask(_ url: URL, asStored: Bool = false) throws(PictureError) -> Picture {
        let file = try open(url)
        let header = try PictureHeader(of: file)
        let isWide = PictureInfo(header).bits == 16
        return try turned(isWide ? raw(file, header).mask() : stored(file, header, channels: 1), header, asStored, file.name)
    }

    /// The values of a file of 16-bit grey, if some exceed 255 and there are at most 16, and each
    /// pixel's place among them; nil for all other files.
    package static func fewWideValues(_ url: URL) throws(PictureError) -> (values: [UInt16], places: Picture)? {
        let file = try open(url)
        let header = try PictureHeader(of: file)
        guard PictureInfo(header).bits == 16 else { return nil }
        return try raw(file, header).fewWords
    }

    /// Reads a PNG's alpha channel or its palette's transparency, 0…255, 1 channel; nil if it has
    /// neither.
    public static func readAlpha(_ url: URL, asStored: Bool = false) throws(PictureError) -> Picture? {
        let file = try open(url)
        let header = try PictureHeader(of: file)
        guard case .png(let png) = header, let alpha = try PNGCodec.decodeAlpha(content(file), png, path: file.name) else { return nil }
        return try turned(alpha, header, asStored, file.name)
    }

    /// Writes a `.png` (lossless) or `.jpg`/`.jpeg` (quality 95, colour at full resolution), whole
    /// or not at all.
    public static func write(_ picture: Picture, to url: URL) throws(PictureError) {
        try write(picture, to: url, isDurable: true)
    }

    /// A JPEG file's bytes at quality 1…100, colour at full resolution.
    public static func jpeg(_ picture: Picture, quality: Int = 90) throws(PictureError) -> [UInt8] {
        precondition((1...100).contains(quality), "a quality of 1 to 100, got \(quality)")
        return try JPEGCodec.encode(picture, path: "a JPEG in memory", quality: quality)
    }

    /// A PNG file's bytes.
    public static func png(_ picture: Picture) throws(PictureError) -> [UInt8] {
        try PNGEncoder.encode(picture, path: "a PNG in memory")
    }

    static func write(_ picture: Picture, to url: URL, isDurable: Bool) throws(PictureError) {
        let bytes =
            switch url.pathExtension.lowercased() {
            case "png": try PNGEncoder.encode(picture, path: url.path)
            case "jpg", "jpeg": try JPEGCodec.encode(picture, path: url.path)
            default: throw PictureError.unwritable(path: url.path, reason: "the name must end in .png or .jpg")
            }
        do throws(FileError) {
            try AtomicFile.write(bytes, to: url, isDurable: isDurable)
        } catch {
            throw .unwritable(path: error.file, reason: error.reason)
        }
    }

    // MARK: Decoding

    private static func open(_ url: URL) throws(PictureError) -> FileReader {
        try reading { () throws(FileError) in try FileReader(url) }
    }

    /// A whole file of at most 2 GiB.
    private static func content(_ file: FileReader) throws(PictureError) -> [UInt8] {
        guard file.size <= 1 << 31 else { throw .unsupported(path: file.name, reason: "files of more than 2 GiB are not supported") }
        return try reading { () throws(FileError) in try file.all() }
    }

    private static func read(_ file: FileReader, channels: Int?, asStored: Bool) throws(PictureError) -> Picture {
        precondition(channels == nil || channels == 1 || channels == 3, "a picture has 1 or 3 channels")
        let header = try PictureHeader(of: file)
        return try turned(stored(file, header, channels: channels), header, asStored, file.name)
    }

    private static func readLabels(_ file: FileReader, asStored: Bool) throws(PictureError) -> Picture {
        let header = try PictureHeader(of: file)
        return try turned(raw(file, header).labels(path: file.name), header, asStored, file.name)
    }

    private static func turned(
        _ picture: Picture, _ header: PictureHeader, _ asStored: Bool, _ path: String
    ) throws(PictureError) -> Picture {
        guard !asStored, header.orientation != .upright else { return picture }
        try reading { () throws(FileError) in try naming(path) { try Memory.ask(for: picture.pixels.count) } }
        return header.orientation.applied(to: picture)
    }

    private static func stored(_ file: FileReader, _ header: PictureHeader, channels: Int?) throws(PictureError) -> Picture {
        let rgb = channels == 3
        let picture =
            switch header {
            case .png(let header): try PNGCodec.decode(content(file), header, rgb: rgb, path: file.name)
            case .jpeg(let header): try JPEGCodec.decode(content(file), header, rgb: rgb, path: file.name)
            case .bmp(let header): try BMPCodec.decode(content(file), header, path: file.name).picture(rgb: rgb)
            case .tiff(let header): try TIFFCodec.decode(file, header).picture(rgb: rgb)
            }
        return channels == 1 ? picture.grey : picture
    }

    private static func raw(_ file: FileReader, _ header: PictureHeader) throws(PictureError) -> DecodedSamples {
        switch header {
        case .png(let header): return try PNGCodec.decodeRaw(content(file), header, path: file.name)
        case .bmp(let header): return try BMPCodec.decode(content(file), header, path: file.name)
        case .tiff(let header): return try TIFFCodec.decode(file, header)
        case .jpeg(let header):
            let picture = try JPEGCodec.decode(content(file), header, rgb: false, path: file.name)
            return DecodedSamples(
                width: picture.width, height: picture.height, channels: picture.channels, values: .bytes(picture.pixels), palette: nil)
        }
    }

    /// One channel of a picture whose channels are equal.
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
