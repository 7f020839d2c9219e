import Files

/// Writes a zip archive of stored (uncompressed) entries, each aligned to 64 bytes so that it can
/// be mapped into memory.
package struct ZipWriter {
    private let prefix: String
    private var directory: [UInt8] = []
    private var count = 0

    private static let alignment = 64
    /// Larger sizes need the format's 64-bit extension, which is not written.
    private static let maximumSize = Int(UInt32.max) - 1
    private static let maximumCount = 65_534

    /// Every entry's name begins with `prefix/`.
    package init(prefix: String) { self.prefix = prefix }

    package mutating func add(_ name: String, _ bytes: [UInt8], to writer: inout AtomicFile.Writer) throws {
        let name = Array("\(prefix)/\(name)".utf8)
        let offset = writer.offset
        // An extra field pads the header, as in PyTorch; it takes at least 4 bytes.
        let unpadded = offset + 30 + name.count + 4
        let padding = (ZipWriter.alignment - unpadded % ZipWriter.alignment) % ZipWriter.alignment
        guard unpadded + padding + bytes.count <= ZipWriter.maximumSize, count < ZipWriter.maximumCount else {
            throw Fault(.limit, "a .pth or a zip archive of 4 GiB or more cannot be written")
        }
        // Version 2.0, names in UTF-8, stored, 1 January 1980, checksum, both sizes, length of the
        // name.
        var common: [UInt8] = []
        common.put(UInt16(20))
        common.put(UInt16(0x800))
        common.put(UInt16(0))
        common.put(UInt16(0))
        common.put(UInt16(0x21))
        common.put(Checksum.crc32(bytes))
        common.put(UInt32(bytes.count))
        common.put(UInt32(bytes.count))
        common.put(UInt16(name.count))

        var header: [UInt8] = []
        header.put(UInt32(0x0403_4B50))
        header += common
        header.put(UInt16(4 + padding))
        header += name
        header += Array("FB".utf8)
        header.put(UInt16(padding))
        header += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
        try writer.write(header)
        try writer.write(bytes)

        directory.put(UInt32(0x0201_4B50))
        directory.put(UInt16(20))
        directory += common
        // No extra field, no comment, first disk, no attributes.
        directory += [UInt8](repeating: 0, count: 12)
        directory.put(UInt32(offset))
        directory += name
        count += 1
    }

    package func finish(to writer: inout AtomicFile.Writer) throws {
        let offset = writer.offset
        guard offset + directory.count <= ZipWriter.maximumSize else {
            throw Fault(.limit, "a .pth or a zip archive of 4 GiB or more cannot be written")
        }
        var end: [UInt8] = []
        end.put(UInt32(0x0605_4B50))
        end.put(UInt32(0))
        end.put(UInt16(count))
        end.put(UInt16(count))
        end.put(UInt32(directory.count))
        end.put(UInt32(offset))
        end.put(UInt16(0))
        try writer.write(directory)
        try writer.write(end)
    }
}
