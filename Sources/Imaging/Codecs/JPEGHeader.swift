import Files

/// The fields of a JPEG's frame header.
struct JPEGHeader: Equatable {
    let width: Int
    let height: Int
    let components: Int
    /// Huffman coding rather than arithmetic coding.
    let isHuffman: Bool
    /// True if several scans refine the picture.
    let isProgressive: Bool
    let orientation: PictureOrientation
    /// The offset of the first scan's marker.
    let firstScan: Int

    /// Limit on segments and padding bytes before the first scan.
    private static let mostSteps = 1 << 16
    private static let exif: [UInt8] = Array("Exif\0\0".utf8)

    /// Follows the markers to the first scan; metadata before the frame may have any length.
    init(of file: FileReader) throws(PictureError) {
        var position = 2
        var frame: (width: Int, height: Int, components: Int, isHuffman: Bool, isProgressive: Bool)?
        var orientation: PictureOrientation?
        for _ in 0..<Self.mostSteps {
            let marker = try reading { () throws(FileError) in try file.bytes(at: position, count: 11) }
            guard marker.count >= 4 else { throw .damaged(path: file.name, reason: "the JPEG ends within its header") }
            guard marker[0] == 0xFF else { throw .damaged(path: file.name, reason: "the JPEG header has no marker at byte \(position)") }
            if marker[1] == 0xFF {
                position += 1
                continue
            }
            let length = Int(marker.bigEndian(at: 2, as: UInt16.self))
            guard length >= 2 else { throw .damaged(path: file.name, reason: "a JPEG segment has length \(length)") }
            switch marker[1] {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard marker.count >= 10, length >= 8 else { throw .damaged(path: file.name, reason: "the JPEG ends within its header") }
                guard frame == nil else { throw .damaged(path: file.name, reason: "the JPEG has two frame headers") }
                guard marker[4] == 8 else {
                    throw .unsupported(path: file.name, reason: "a JPEG of \(marker[4]) bits per channel is not supported")
                }
                frame = (
                    Int(marker.bigEndian(at: 7, as: UInt16.self)), Int(marker.bigEndian(at: 5, as: UInt16.self)), Int(marker[9]),
                    marker[1] < 0xC9, marker[1] & 3 == 2
                )
            case 0xDA:
                guard let frame else { throw .damaged(path: file.name, reason: "the JPEG has no frame header") }
                guard frame.width > 0, frame.height > 0 else {
                    throw .damaged(path: file.name, reason: "the JPEG header claims \(frame.width)×\(frame.height) pixels")
                }
                guard [1, 3, 4].contains(frame.components) else {
                    throw .unsupported(path: file.name, reason: "a JPEG of \(frame.components) channels is not supported")
                }
                (width, height, components, isHuffman, isProgressive) = frame
                self.orientation = orientation ?? .upright
                firstScan = position
                return
            case 0xE1 where orientation == nil:
                // Only the first block with EXIF counts; others of this kind hold XMP.
                let block = try reading { () throws(FileError) in try file.bytes(at: position + 4, count: length - 2) }
                if block.starts(with: Self.exif) { orientation = PictureOrientation(exif: Array(block.dropFirst(Self.exif.count))) }
            case 0xD9: throw .damaged(path: file.name, reason: "the JPEG contains no picture")
            default: break
            }
            position += 2 + length
        }
        throw .damaged(path: file.name, reason: "the JPEG header has no end")
    }
}
