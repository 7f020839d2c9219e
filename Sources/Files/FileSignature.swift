/// Identifies a file by its first bytes, for errors about the wrong kind of file.
package struct FileSignature: Sendable, Equatable {
    /// The purpose of a kind of file, which decides the advice.
    package enum Family: Sendable {
        /// A picture, readable or not.
        case picture
        /// A film.
        case video
        /// A scanner's image: a slice or a volume.
        case volume
        /// An array or a set of arrays.
        case array
        /// A model's weights or other contents.
        case model
        /// An archive or a compressed file.
        case archive
        /// A page, text or document for people.
        case document
        /// Left by a failed download: a web page, a pointer, zeros, nothing.
        case failedDownload
        /// A program.
        case program
        /// Unknown.
        case unknown
    }

    /// With an article, such as "a DICOM file".
    package let name: String
    package let family: Family
    /// Advice if the family has none of its own; otherwise empty.
    package let advice: String

    package init(_ name: String, _ family: Family, advice: String = "") {
        self.name = name
        self.family = family
        self.advice = advice
    }

    /// The number of first bytes that suffice.
    package static let headLength = 512

    /// Identifies a file of `size` bytes that starts with `head`.
    package static func of(_ head: [UInt8], size: Int) -> FileSignature {
        if size == 0 { return FileSignature("empty", .failedDownload, advice: "copy or download it again") }
        if head.allSatisfy({ $0 == 0 }) {
            return FileSignature("a file of zeros", .failedDownload, advice: "download it again: the transfer was cut short")
        }
        // Any text may start with two letters.
        let isText = isText(head)
        for magic in magics where !isText || magic.bytes.count > 2 {
            guard head.count >= magic.offset + magic.bytes.count, head[magic.offset...].starts(with: magic.bytes) else { continue }
            return magic.signature
        }
        if head.count >= 12, head[4..<8].elementsEqual("ftyp".utf8) { return brand(String(decoding: head[8..<12], as: UTF8.self)) }
        if isOldTar(head) {
            return FileSignature(
                "a tar archive, the format of PyTorch before 0.2", .model, advice: "load it with PyTorch and save it again with torch.save")
        }
        if head.count >= 263, head[257...].starts(with: "ustar".utf8) {
            return FileSignature("a tar archive", .archive, advice: "unpack it and give the file inside")
        }
        if head.count >= 2, head[0] == 0x80, (1...5).contains(head[1]) {
            return FileSignature("a bare Python pickle", .model, advice: "save the weights with torch.save or as .safetensors")
        }
        if head.count >= 348, let size = analyzeHeaderSize(head) {
            let name = size == 540 ? "a NIfTI-2 header" : "a header of Analyze or NIfTI"
            return FileSignature(name, .volume, advice: "keep its .img file beside it, or save both as one .nii.gz file")
        }
        return text(head) ?? FileSignature("a file of an unknown kind", .unknown)
    }

    private static let pack = "unpack it and give the file inside"

    private static let magics: [(offset: Int, bytes: [UInt8], signature: FileSignature)] = [
        (0, [0x89] + Array("PNG".utf8), FileSignature("a PNG picture", .picture)),
        (0, [0xFF, 0xD8, 0xFF], FileSignature("a JPEG picture", .picture)),
        (0, Array("GIF8".utf8), FileSignature("a GIF picture", .picture)),
        (0, Array("BM".utf8), FileSignature("a BMP picture", .picture)),
        (0, [0x49, 0x49, 0x2A, 0], FileSignature("a TIFF picture", .picture)),
        (0, [0x4D, 0x4D, 0, 0x2A], FileSignature("a TIFF picture", .picture)),
        (0, [0x49, 0x49, 0x2B, 0], FileSignature("a BigTIFF picture", .picture)),
        (0, [0x4D, 0x4D, 0, 0x2B], FileSignature("a BigTIFF picture", .picture)),
        (8, Array("WEBP".utf8), FileSignature("a WebP picture", .picture)),
        (8, Array("AVI ".utf8), FileSignature("a video", .video)),
        (0, [0, 0, 0, 0x0C] + Array("jP  ".utf8), FileSignature("a JPEG 2000 picture", .picture)),
        (0, [0xFF, 0x4F, 0xFF, 0x51], FileSignature("a JPEG 2000 picture", .picture)),
        (0, [0, 0, 0, 0x0C] + Array("JXL ".utf8), FileSignature("a JPEG XL picture", .picture)),
        (0, [0xFF, 0x0A], FileSignature("a JPEG XL picture", .picture)),
        (0, Array("8BPS".utf8), FileSignature("a Photoshop document", .picture)),
        (0, Array("P4".utf8), FileSignature("a PBM picture", .picture)),
        (0, Array("P5".utf8), FileSignature("a PGM picture", .picture)),
        (0, Array("P6".utf8), FileSignature("a PPM picture", .picture)),
        (0, Array("gimp xcf".utf8), FileSignature("a GIMP document", .picture)),
        (0, [0x1A, 0x45, 0xDF, 0xA3], FileSignature("a video", .video)),
        (128, Array("DICM".utf8), FileSignature("a DICOM file", .volume)),
        (0, Array("NRRD000".utf8), FileSignature("an NRRD volume", .volume)),
        (344, Array("n+1\0".utf8), FileSignature("a NIfTI volume", .volume)),
        (4, Array("n+2\0".utf8), FileSignature("a NIfTI-2 volume", .volume)),
        (0, [0x93] + Array("NUMPY".utf8), FileSignature("a NumPy .npy array", .array)),
        (0, [0x89] + Array("HDF\r\n".utf8), FileSignature("an HDF5 file", .array)),
        (0, Array("CDF".utf8), FileSignature("a NetCDF file", .array)),
        (0, Array("MATLAB 5.0".utf8), FileSignature("a MATLAB file", .array)),
        (0, Array("GGUF".utf8), FileSignature("a GGUF model", .model)),
        (0, Array("PK\u{3}\u{4}".utf8), FileSignature("a zip archive", .archive, advice: pack)),
        (0, Array("PK\u{5}\u{6}".utf8), FileSignature("an empty zip archive", .archive, advice: "pack or download it again")),
        (0, [0x1F, 0x8B], FileSignature("a gzip file", .archive, advice: pack)),
        (0, Array("BZh".utf8), FileSignature("a bzip2 file", .archive, advice: pack)),
        (0, [0xFD] + Array("7zXZ".utf8), FileSignature("an xz file", .archive, advice: pack)),
        (0, [0x28, 0xB5, 0x2F, 0xFD], FileSignature("a zstandard file", .archive, advice: pack)),
        (0, [0x37, 0x7A, 0xBC, 0xAF], FileSignature("a 7z archive", .archive, advice: pack)),
        (0, Array("Rar!".utf8), FileSignature("a RAR archive", .archive, advice: pack)),
        (0, Array("%PDF".utf8), FileSignature("a PDF document", .document)),
        (0, [0xD0, 0xCF, 0x11, 0xE0], FileSignature("an Office document", .document)),
        (0, [0x7F] + Array("ELF".utf8), FileSignature("a program", .program)),
        (0, Array("MZ".utf8), FileSignature("a program", .program)),
    ]

    /// The kinds of the ISO container, by brand.
    private static func brand(_ brand: String) -> FileSignature {
        if ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].contains(brand) { return FileSignature("a HEIC picture", .picture) }
        if ["avif", "avis"].contains(brand) { return FileSignature("an AVIF picture", .picture) }
        return FileSignature("a video", .video)
    }

    /// PyTorch's first container: a tar archive whose first member has one of these names.
    private static func isOldTar(_ head: [UInt8]) -> Bool {
        guard head.count >= 262, head[257...].starts(with: "ustar".utf8) else { return false }
        let name = String(decoding: head.prefix { $0 != 0 }, as: UTF8.self)
        return ["sys_info", "pickle", "storages", "tensors", "./sys_info"].contains(name)
    }

    /// The length at the start of Analyze's and NIfTI's headers, in either byte order.
    private static func analyzeHeaderSize(_ head: [UInt8]) -> Int? {
        [348, 540].first { size in
            let length = head.littleEndian(at: 0, as: UInt32.self)
            return length == UInt32(size) || length.byteSwapped == UInt32(size)
        }
    }

    private static func isText(_ head: [UInt8]) -> Bool {
        head.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
    }

    private static func text(_ head: [UInt8]) -> FileSignature? {
        let text = String(decoding: head.filter { $0 < 0x80 }, as: UTF8.self).lowercased().drop(while: \.isWhitespace)
        let page = FileSignature(
            "a web page (HTML)", .failedDownload,
            advice: "download the file itself: the link led to a web page, perhaps a login page")
        if ["<!doctype html", "<html", "<head", "<body", "<script"].contains(where: text.hasPrefix) { return page }
        if text.hasPrefix("<!--") || text.hasPrefix("<?xml"), text.contains("<html") { return page }
        if text.contains("<svg") { return FileSignature("an SVG drawing", .picture) }
        if text.hasPrefix("<?xml") { return FileSignature("an XML file", .document) }
        if text.hasPrefix("version https://git-lfs") {
            return FileSignature(
                "a git-lfs pointer", .failedDownload, advice: "run 'git lfs pull' where it comes from, or download the file itself")
        }
        if text.hasPrefix("objecttype"), text.prefix(40).contains("=") { return FileSignature("a MetaImage volume", .volume) }
        guard isText(head) else { return nil }
        if text.hasPrefix("{"), text.contains("\"error\"") || text.contains("\"message\"") {
            return FileSignature("a server's error message", .failedDownload, advice: "download the file again")
        }
        return FileSignature("a text file", .document)
    }
}
