import CZlib
import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A DICOM file: its attributes in memory, its pixels still in the file.
public struct DICOMFile: Sendable {
    /// The file.
    public let url: URL
    /// The encoding of its attributes and pixels.
    public let syntax: TransferSyntax
    /// The attributes of the file's head.
    let meta: DataSet
    /// The attributes.
    public let dataSet: DataSet
    /// The bytes that offsets in the data set refer to.
    let content: FileReader

    /// The most bytes that a deflated file may unpack to.
    private static let largestContent = 1 << 30

    /// Reads all attributes but the pixels. Throws ``/Files/FileError`` that names the file.
    public init(_ url: URL) throws(FileError) {
        self = try naming(url) { try DICOMFile(url, file: FileReader(url)) }
    }

    private init(_ url: URL, file: FileReader) throws {
        guard let start = try Self.start(file) else {
            throw Fault(
                .wrongFormat, "is \(FileSignature.of(try file.head(FileSignature.headLength), size: file.size).name), not a DICOM file")
        }
        self.url = url
        var parser = DataSetParser(file, at: start, isExplicit: true, isBigEndian: false, before: Tag(3, 0))
        let first = try file.read(at: start, count: 2, "its head")
        meta = first == [2, 0] ? try parser.whole() : DataSet()
        syntax = TransferSyntax(uid: meta.text(.transferSyntax) ?? "1.2.840.10008.1.2")
        var (content, position) = (file, first == [2, 0] ? parser.position : start)
        if syntax.isDeflated {
            let packed = try file.read(at: position, count: file.size - position, "its attributes")
            content = FileReader(try Self.inflated(packed), name: file.name)
            position = 0
        }
        self.content = content
        var body = DataSetParser(
            content, at: position, isExplicit: try Self.isExplicit(content, position, syntax), isBigEndian: syntax.isBigEndian)
        dataSet = try body.whole()
    }

    /// True if a file starts as DICOM: "DICM" after 128 bytes, or the first attributes at once.
    public static func isDICOM(_ url: URL) -> Bool { (try? FileReader(url)).flatMap { try? start($0) } != nil }

    private static func start(_ file: FileReader) throws -> Int? {
        let head = try file.head(132)
        if head.count == 132, head[128...].elementsEqual("DICM".utf8) { return 132 }
        // Without the preamble: the length of group 2 or 8, or the first attribute of either.
        guard head.count >= 16, [2, 8].contains(head[0]), head[1] == 0, head[3] == 0, head[2] <= 0x18 else { return nil }
        let isExplicit = head[4..<6].allSatisfy { (0x41...0x5A).contains($0) }
        return isExplicit || head.littleEndian(at: 4, as: UInt32.self) <= 64 ? 0 : nil
    }

    /// Some files do not match their head. Two capital letters after the first tag decide.
    private static func isExplicit(_ content: FileReader, _ position: Int, _ syntax: TransferSyntax) throws -> Bool {
        let head = try content.bytes(at: position, count: 6)
        guard head.count == 6 else { return syntax.isExplicit }
        return head[4..<6].allSatisfy { (0x41...0x5A).contains($0) }
    }

    private static func inflated(_ packed: [UInt8]) throws -> [UInt8] {
        let bound = min(packed.count.multipliedReportingOverflow(by: Inflate.largestRatio).partialValue, largestContent)
        var stream = z_stream()
        guard packed.count < Int(UInt32.max), inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw Fault(.memory, "needs more memory than there is")
        }
        defer { inflateEnd(&stream) }
        var (result, status) = ([UInt8](), Z_OK)
        try packed.withUnsafeBufferPointer { input in
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            while status == Z_OK {
                guard result.count < bound else { throw Fault(.limit, "unpacks to more than \(Memory.size(largestContent))") }
                try Memory.ask(for: 2 * result.count)
                result += [UInt8](unsafeUninitializedCapacity: 1 << 18) { block, filled in
                    stream.next_out = block.baseAddress
                    stream.avail_out = UInt32(block.count)
                    status = inflate(&stream, Z_NO_FLUSH)
                    filled = block.count - Int(stream.avail_out)
                }
                if stream.avail_in == 0, status == Z_OK, stream.avail_out > 0 { break }
            }
        }
        guard status == Z_STREAM_END || stream.avail_in == 0 else { throw Fault(.corrupt, "its deflate stream is damaged") }
        return result
    }

    /// An attribute's bytes, wherever they are.
    func bytes(_ tag: Tag, of set: DataSet) throws -> [UInt8]? {
        switch set[tag]?.value {
        case .bytes(let bytes)?: bytes
        case .place(let offset, let count)?: try content.read(at: offset, count: count, "an attribute")
        default: nil
        }
    }
}
