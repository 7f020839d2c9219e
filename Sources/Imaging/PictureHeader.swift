import Files

/// What the first bytes of a file say, found without decoding.
enum PictureHeader: Equatable {
    case png(PNGHeader)
    case jpeg(JPEGHeader)

    var size: (width: Int, height: Int) {
        switch self {
        case .png(let header): (header.width, header.height)
        case .jpeg(let header): (header.width, header.height)
        }
    }

    /// Reads the header of a file, whose kind is told by its content.
    init(of file: FileReader) throws(PictureError) {
        let start = try reading { () throws(FileError) in try file.head(512) }
        if start.isEmpty { throw .empty(path: file.name) }
        if start.starts(with: PNGHeader.signature) {
            self = .png(try PNGHeader(start, path: file.name))
        } else if start.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg(try JPEGHeader(of: file))
        } else if PNGHeader.signature.starts(with: start) || [0xFF, 0xD8, 0xFF].starts(with: start) {
            throw .damaged(path: file.name, reason: "it ends after \(start.count) bytes")
        } else {
            throw .notAPicture(path: file.name, kind: foreignKind(start))
        }
        let (width, height) = size
        guard width <= PictureFile.pixelLimit / height else {
            throw .tooLarge(path: file.name, width: width, height: height, limit: PictureFile.pixelLimit)
        }
    }
}

/// The fields of IHDR.
struct PNGHeader: Equatable {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    enum Color: UInt8 {
        case grey = 0
        case rgb = 2
        case palette = 3
        case greyAlpha = 4
        case rgba = 6
    }

    let width: Int
    let height: Int
    let bits: Int
    let color: Color

    var isColor: Bool { color == .rgb || color == .rgba || color == .palette }

    /// Bytes of the filtered rows before deflate: what the compressed data must at least be able to hold.
    var inflatedBytes: Int {
        let samples = [.rgb: 3, .greyAlpha: 2, .rgba: 4][color, default: 1]
        return ((width * samples * bits + 7) / 8 + 1) * height
    }

    init(_ start: [UInt8], path: String) throws(PictureError) {
        guard start.count >= 33 else { throw .damaged(path: path, reason: "it ends after \(start.count) bytes") }
        guard start[12..<16].elementsEqual("IHDR".utf8) else { throw .damaged(path: path, reason: "the PNG header is missing") }
        width = start.bigEndian(at: 16, bytes: 4)
        height = start.bigEndian(at: 20, bytes: 4)
        bits = Int(start[24])
        guard (1...0x7FFF_FFFF).contains(width), (1...0x7FFF_FFFF).contains(height) else {
            throw .damaged(path: path, reason: "the PNG header claims \(width)×\(height) pixels")
        }
        guard let color = Color(rawValue: start[25]), [1, 2, 4, 8, 16].contains(bits) else {
            throw .damaged(path: path, reason: "the PNG header names no known kind of pixel")
        }
        self.color = color
    }
}

/// The fields of a JPEG's frame header.
struct JPEGHeader: Equatable {
    let width: Int
    let height: Int
    let components: Int
    /// Huffman codes, rather than arithmetic coding.
    let isHuffman: Bool
    /// Where the first scan's marker stands in the file.
    let firstScan: Int

    /// Walks the markers up to the first scan; metadata before the frame may be of any length.
    init(of file: FileReader) throws(PictureError) {
        var position = 2
        var frame: (width: Int, height: Int, components: Int, isHuffman: Bool)?
        while true {
            let marker = try reading { () throws(FileError) in try file.bytes(at: position, count: 11) }
            guard marker.count >= 4 else { throw .damaged(path: file.name, reason: "the JPEG ends within its header") }
            guard marker[0] == 0xFF else { throw .damaged(path: file.name, reason: "the JPEG header has no marker at byte \(position)") }
            if marker[1] == 0xFF {
                position += 1
                continue
            }
            let length = marker.bigEndian(at: 2, bytes: 2)
            guard length >= 2 else { throw .damaged(path: file.name, reason: "a JPEG segment has length \(length)") }
            switch marker[1] {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard marker.count >= 10, length >= 8 else { throw .damaged(path: file.name, reason: "the JPEG ends within its header") }
                guard frame == nil else { throw .damaged(path: file.name, reason: "the JPEG has two frame headers") }
                guard marker[4] == 8 else {
                    throw .unsupported(path: file.name, reason: "a JPEG of \(marker[4]) bits a channel is not read")
                }
                frame = (marker.bigEndian(at: 7, bytes: 2), marker.bigEndian(at: 5, bytes: 2), Int(marker[9]), marker[1] < 0xC9)
            case 0xDA:
                guard let frame else { throw .damaged(path: file.name, reason: "the JPEG has no frame header") }
                guard frame.width > 0, frame.height > 0 else {
                    throw .damaged(path: file.name, reason: "the JPEG header claims \(frame.width)×\(frame.height) pixels")
                }
                guard [1, 3, 4].contains(frame.components) else {
                    throw .unsupported(path: file.name, reason: "a JPEG of \(frame.components) channels is not read")
                }
                (width, height, components, isHuffman) = frame
                firstScan = position
                return
            case 0xD9: throw .damaged(path: file.name, reason: "the JPEG holds no picture")
            default: break
            }
            position += 2 + length
        }
    }
}

extension [UInt8] {
    func bigEndian(at offset: Int, bytes: Int) -> Int {
        self[offset..<(offset + bytes)].reduce(0) { $0 << 8 | Int($1) }
    }
}

/// What a file that is neither PNG nor JPEG looks like, for the message.
private func foreignKind(_ start: [UInt8]) -> String {
    func has(_ text: String, at offset: Int = 0) -> Bool { start.dropFirst(offset).starts(with: text.utf8) }
    func has(_ bytes: [UInt8]) -> Bool { start.starts(with: bytes) }

    if has("RIFF"), has("WEBP", at: 8) { return "a WebP picture" }
    if has("II*\0") || has("MM\0*") || has("II+\0") || has("MM\0+") { return "a TIFF picture" }
    if has("GIF8") { return "a GIF picture" }
    if has("BM") { return "a BMP picture" }
    if has("ftyp", at: 4) {
        let brand = String(decoding: start.dropFirst(8).prefix(4), as: UTF8.self)
        if ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].contains(brand) { return "a HEIC picture" }
        if ["avif", "avis"].contains(brand) { return "an AVIF picture" }
        return "a video"
    }
    if has([0, 0, 0, 0x0C]), has("jP  ", at: 4) { return "a JPEG 2000 picture" }
    if has([0xFF, 0x4F, 0xFF, 0x51]) { return "a JPEG 2000 picture" }
    if has([0xFF, 0x0A]) || (has([0, 0, 0, 0x0C]) && has("JXL ", at: 4)) { return "a JPEG XL picture" }
    if has("DICM", at: 128) { return "a DICOM file" }
    if has("%PDF") { return "a PDF document" }
    if has("8BPS") { return "a Photoshop document" }
    if has([0x1F, 0x8B]) { return "a gzip archive" }
    if has("PK") { return "a zip archive" }
    if has([0x89]), has("HDF", at: 1) { return "an HDF5 file" }
    if has([0x93]), has("NUMPY", at: 1) { return "a NumPy array" }
    if has("P5") || has("P6") { return "a PNM picture" }
    if start.allSatisfy({ $0 == 0 }) { return "a file of zeros" }

    let text = String(decoding: start.filter { $0 < 0x80 }, as: UTF8.self).lowercased().drop(while: \.isWhitespace)
    if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<head") { return "a web page (HTML)" }
    if text.contains("<svg") { return "an SVG drawing" }
    if text.hasPrefix("<?xml") { return "an XML file" }
    if text.hasPrefix("version https://git-lfs") { return "a Git LFS pointer (run git lfs pull)" }
    if start.allSatisfy({ (0x20..<0x7F).contains($0) || [9, 10, 13].contains($0) }) { return "a text file" }
    return "a file of an unknown kind"
}
