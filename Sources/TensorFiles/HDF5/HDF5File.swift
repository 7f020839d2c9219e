import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// HDF5 files: named arrays of numbers at the file's root, such as `image` and `label` in Synapse's
/// `.npy.h5` volumes.
///
/// Reads what h5py and MATLAB write, except the latest format: arrays stored whole or in chunks,
/// compressed with deflate, shuffled, with checksums. This reader replaces libhdf5, which crashes
/// on damaged files, loads plugins, and follows links into other files.
public enum HDF5File {
    /// The default limit on an array's bytes: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// The most axes of an array.
    static let largestRank = 4

    /// Reads arrays by name as row-major tensors of the stored type.
    ///
    /// Declared sizes are checked against the file's real size before memory is allocated. An array
    /// that takes more than `limit` bytes, is not numeric, or has more than four axes is an error.
    public static func read(_ names: [String], from url: URL, limit: Int = defaultLimit) throws(FileError) -> [HostTensor] {
        try naming(url) { try datasets(names, of: FileReader(url)) { try $0.read(limit: limit) } }
    }

    /// Like ``read(_:from:limit:)``, from a file's bytes in memory; errors use `name` as the path.
    public static func decode(_ names: [String], from bytes: [UInt8], name: String, limit: Int = defaultLimit) throws(FileError)
        -> [HostTensor]
    {
        try naming(name) { try datasets(names, of: FileReader(bytes, name: name)) { try $0.read(limit: limit) } }
    }

    /// An array's lengths, outermost axis first, without reading it.
    public static func shape(of name: String, in url: URL) throws(FileError) -> [Int] { try layout(of: name, in: url).shape }

    /// An array's lengths and type, without reading it.
    public static func layout(of name: String, in url: URL) throws(FileError) -> (shape: [Int], elementType: ElementType) {
        try naming(url) { try datasets([name], of: FileReader(url)) { ($0.shape, $0.elementType) }[0] }
    }

    private static func datasets<Result>(_ names: [String], of reader: FileReader, _ body: (HDF5Dataset) throws -> Result) throws
        -> [Result]
    {
        let file = try HDF5Container(reader)
        return try names.map { name in
            do {
                file.beginArray()
                return try body(HDF5Dataset(name, in: file))
            } catch let fault as Fault {
                throw Fault(fault.kind, "array '\(name.printable())': \(fault.reason)", remedy: fault.remedy)
            }
        }
    }
}
