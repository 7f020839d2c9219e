import Files

/// What a file is, by its first bytes: for errors that say what was given instead of what was wanted.
enum FileSignature {
    static let headLength = 512
    static let zip: [UInt8] = Array("PK\u{3}\u{4}".utf8)

    private static let magics: [(offset: Int, bytes: [UInt8], name: String)] = [
        (0, [0x89] + Array("PNG".utf8), "a PNG picture"),
        (0, [0xFF, 0xD8, 0xFF], "a JPEG picture"),
        (0, Array("GIF8".utf8), "a GIF picture"),
        (0, Array("BM".utf8), "a BMP picture"),
        (0, Array("%PDF".utf8), "a PDF document"),
        (0, Array("PK\u{5}\u{6}".utf8), "an empty zip archive"),
        (0, [0x1F, 0x8B], "a gzip file"),
        (0, Array("BZh".utf8), "a bzip2 file"),
        (0, [0xFD] + Array("7zXZ".utf8), "an xz file"),
        (0, [0x28, 0xB5, 0x2F, 0xFD], "a zstandard file"),
        (0, [0x37, 0x7A, 0xBC, 0xAF], "a 7z archive"),
        (0, Array("Rar!".utf8), "a RAR archive"),
        (0, NumPyHeader.magic, "a NumPy .npy array"),
        (0, [0x89] + Array("HDF\r\n".utf8), "an HDF5 file"),
        (0, Array("GGUF".utf8), "a GGUF model"),
        (0, [0x7F] + Array("ELF".utf8), "a program"),
        (128, Array("DICM".utf8), "a DICOM file"),
        (257, Array("ustar".utf8), "a tar archive"),
    ]

    /// The error for a file that is not `expected`, naming what it seems to be.
    static func refusal(_ head: [UInt8], size: Int, expected: String) -> Fault {
        if size == 0 { return Fault(.wrongFormat, "is empty, not \(expected)", remedy: "download or save it again") }
        if head.starts(with: Array("version https://git-lfs".utf8)) {
            return Fault(
                .wrongFormat, "is a git-lfs pointer, not \(expected)",
                remedy: "run 'git lfs pull' where it comes from, or download the file itself")
        }
        if isHTML(head) {
            return Fault(
                .wrongFormat, "is an HTML page, not \(expected)",
                remedy: "download the file itself: the link led to a web page, perhaps one that asks to log in")
        }
        if head.allSatisfy({ $0 == 0 }) {
            return Fault(
                .wrongFormat, "begins with nothing but zeros, not as \(expected)", remedy: "download it again: the transfer was cut short")
        }
        if isOldTar(head) {
            return Fault(
                .unsupported, "is a tar archive, the format of PyTorch before 0.2",
                remedy: "load it with PyTorch and save it again with torch.save")
        }
        if head.count >= 2, head[0] == 0x80, (1...5).contains(head[1]) {
            return Fault(
                .wrongFormat, "is a bare Python pickle, not \(expected)", remedy: "save the weights with torch.save or as .safetensors")
        }
        for magic in magics where head.count >= magic.offset + magic.bytes.count && head[magic.offset...].starts(with: magic.bytes) {
            return Fault(.wrongFormat, "is \(magic.name), not \(expected)", remedy: "give the file of weights")
        }
        let isText = head.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
        return Fault(
            .wrongFormat, "is \(isText ? "a text file" : "of an unknown format"), not \(expected)", remedy: "give the file of weights")
    }

    private static func isHTML(_ head: [UInt8]) -> Bool {
        let text = String(decoding: head, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }.lowercased()
        return text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<head") || text.hasPrefix("<!--")
            || text.hasPrefix("<?xml") && text.contains("<html")
    }

    /// PyTorch's first container: a tar archive whose first member is one of these.
    private static func isOldTar(_ head: [UInt8]) -> Bool {
        guard head.count >= 262, head[257...].starts(with: Array("ustar".utf8)) else { return false }
        let name = String(decoding: head.prefix { $0 != 0 }, as: UTF8.self)
        return ["sys_info", "pickle", "storages", "tensors", "./sys_info"].contains(name)
    }
}
