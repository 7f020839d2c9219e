import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An `.npz` archive of named arrays, as written by `numpy.savez` and `numpy.savez_compressed`.
public struct NPZFile: Sendable {
    /// The arrays' names, without `.npy`, in the archive's order.
    public let names: [String]
    private let file: FileReader

    /// The default limit on an unpacked array's bytes: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Lists the archive's arrays; throws `FileError` unless it is a valid zip archive.
    public init(_ url: URL) throws(FileError) { try self.init(FileReader(url)) }

    /// Lists the arrays of an archive in memory; errors use `name` as the path.
    public init(_ bytes: [UInt8], name: String) throws(FileError) { try self.init(FileReader(bytes, name: name)) }

    private init(_ file: FileReader) throws(FileError) {
        self.file = file
        names = try naming(file.name) { try NPZFile.open(file).entries.compactMap { NPZFile.arrayName($0.name) } }
    }

    /// Reads one array; more than `limit` unpacked bytes is an error.
    public func read(_ name: String, limit: Int = NPZFile.defaultLimit) throws(FileError) -> HostTensor {
        try naming(file.name) { try NPZFile.member(name, of: NPZFile.open(file), limit: limit) }
    }

    /// Reads several arrays, opening the archive once.
    public func read(_ names: [String], limit: Int = NPZFile.defaultLimit) throws(FileError) -> [HostTensor] {
        try naming(file.name) {
            let archive = try NPZFile.open(file)
            return try names.map { try NPZFile.member($0, of: archive, limit: limit) }
        }
    }

    /// An array's lengths and type, without reading it.
    public func layout(of name: String) throws(FileError) -> (shape: [Int], elementType: ElementType) {
        try naming(file.name) {
            let archive = try NPZFile.open(file)
            let entry = try NPZFile.entry(name, of: archive)
            let header = try NumPyFile.header(archive.open(entry, limit: .max))
            return (header.shape, header.elementType)
        }
    }

    private static func open(_ file: FileReader) throws -> ZipReader {
        guard try file.head(4).starts(with: [0x50, 0x4B]) else {
            throw Fault(.wrongFormat, "is not an .npz file (it does not begin as a zip archive)")
        }
        return try ZipReader(file)
    }

    private static func arrayName(_ entry: String) -> String? { entry.hasSuffix(".npy") ? String(entry.dropLast(4)) : nil }

    private static func entry(_ name: String, of archive: ZipReader) throws -> ZipReader.Entry {
        guard let entry = archive.entries.first(where: { $0.name == name + ".npy" }) else {
            let have = archive.entries.compactMap { arrayName($0.name) }.prefix(20).joined(separator: ", ").printable(limit: 200)
            throw Fault(.missing, "has no array '\(name.printable())'; it has: \(have)", remedy: "save the array under that name")
        }
        return entry
    }

    private static func member(_ name: String, of archive: ZipReader, limit: Int) throws -> HostTensor {
        let entry = try entry(name, of: archive)
        do {
            let stream = try archive.open(entry, limit: limit)
            let tensor = try NumPyFile.decode(stream)
            try stream.finish()
            return tensor
        } catch let fault as Fault {
            throw Fault(fault.kind, "array '\(name.printable())': \(fault.reason)", remedy: fault.remedy)
        }
    }
}
