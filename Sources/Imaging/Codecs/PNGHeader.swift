import Files

/// IHDR's fields.
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
    let orientation: PictureOrientation

    var isColor: Bool { color == .rgb || color == .rgba || color == .palette }

    /// The size of the filtered rows before deflate.
    var inflatedBytes: Int {
        let samples = [.rgb: 3, .greyAlpha: 2, .rgba: 4][color, default: 1]
        return ((width * samples * bits + 7) / 8 + 1) * height
    }

    init(of file: FileReader) throws(PictureError) {
        let path = file.name
        let start = try reading { () throws(FileError) in try file.head(33) }
        guard start.count >= 33 else { throw .damaged(path: path, reason: "the file ends after \(start.count) bytes") }
        guard start[12..<16].elementsEqual("IHDR".utf8) else { throw .damaged(path: path, reason: "the PNG header is missing") }
        width = Int(start.bigEndian(at: 16, as: UInt32.self))
        height = Int(start.bigEndian(at: 20, as: UInt32.self))
        bits = Int(start[24])
        guard (1...0x7FFF_FFFF).contains(width), (1...0x7FFF_FFFF).contains(height) else {
            throw .damaged(path: path, reason: "the PNG header claims \(width)×\(height) pixels")
        }
        guard let color = Color(rawValue: start[25]), [1, 2, 4, 8, 16].contains(bits) else {
            throw .damaged(path: path, reason: "the PNG header declares an unknown kind of pixel")
        }
        self.color = color
        orientation = try Self.orientation(of: file)
    }

    /// Limit on chunks to search for EXIF; a picture of 400 million pixels has some hundred
    /// thousand.
    private static let mostChunks = 1 << 18

    /// The orientation in the EXIF chunk, which may come before or after the pixels; upright if
    /// there is none.
    private static func orientation(of file: FileReader) throws(PictureError) -> PictureOrientation {
        var position = signature.count
        for _ in 0..<mostChunks {
            let head = try reading { () throws(FileError) in try file.bytes(at: position, count: 8) }
            guard head.count == 8 else { break }
            let length = Int(head.bigEndian(at: 0, as: UInt32.self))
            if head[4...].elementsEqual("IEND".utf8) { break }
            if head[4...].elementsEqual("eXIf".utf8) {
                let exif = try reading { () throws(FileError) in try file.bytes(at: position + 8, count: min(length, 1 << 16)) }
                return PictureOrientation(exif: exif) ?? .upright
            }
            position += length + 12
        }
        return .upright
    }
}
