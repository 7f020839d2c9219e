import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An `.npz` archive: arrays by name, as `numpy.savez` and `numpy.savez_compressed` write them.
public struct NPZFile: Sendable {
    /// Names of the arrays, without `.npy`, in the archive's order.
    public let names: [String]
    private let url: URL

    /// Bytes that one array may unpack to unless the caller says otherwise: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Lists the archive's arrays; throws `TensorFileError` if it is no sound zip archive.
    public init(_ url: URL) throws(TensorFileError) {
        self.url = url
        names = try naming(url) { try NPZFile.open(url).entries.compactMap { NPZFile.arrayName($0.name) } }
    }

    /// Reads one array; an array that would unpack to more than `limit` bytes is an error.
    public func read(_ name: String, limit: Int = NPZFile.defaultLimit) throws(TensorFileError) -> HostTensor {
        try naming(url) { try NPZFile.member(name, of: NPZFile.open(url), limit: limit) }
    }

    /// Reads several arrays while opening the archive once.
    public func read(_ names: [String], limit: Int = NPZFile.defaultLimit) throws(TensorFileError) -> [HostTensor] {
        try naming(url) {
            let archive = try NPZFile.open(url)
            return try names.map { try NPZFile.member($0, of: archive, limit: limit) }
        }
    }

    private static func open(_ url: URL) throws -> ZipReader {
        let head = try FileReader(url).head(4)
        guard head.starts(with: [0x50, 0x4B]) else {
            throw Fault(.wrongFormat, "is not an .npz file (it does not begin as a zip archive)")
        }
        return try ZipReader(url)
    }

    private static func arrayName(_ entry: String) -> String? { entry.hasSuffix(".npy") ? String(entry.dropLast(4)) : nil }

    private static func member(_ name: String, of archive: ZipReader, limit: Int) throws -> HostTensor {
        guard let entry = archive.entries.first(where: { $0.name == name + ".npy" }) else {
            let have = archive.entries.compactMap { arrayName($0.name) }.prefix(20).joined(separator: ", ").printable(limit: 200)
            throw Fault(.missing, "has no array '\(name.printable())', but: \(have)", remedy: "save the array under that name")
        }
        do {
            return try NumPyFile.decode(archive.read(entry, limit: limit))
        } catch let fault as Fault {
            throw Fault(fault.kind, "array '\(name.printable())': \(fault.reason)", remedy: fault.remedy)
        }
    }
}
