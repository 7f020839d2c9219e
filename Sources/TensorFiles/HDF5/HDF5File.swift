import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// HDF5 files: named arrays of numbers at the file's root, such as the `image` and `label` of Synapse's `.npy.h5` volumes.
///
/// Reads what h5py and MATLAB write unless told to use the latest format: arrays stored whole or in chunks, packed by deflate, shuffled, with checksums. The
/// format is read here rather than by libhdf5, which crashes on damaged files, loads plugins, and follows links into other files.
public enum HDF5File {
    /// Bytes that one array may take unless the caller says otherwise: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Most axes that an array may have.
    static let largestRank = 4

    /// Reads arrays by name as row-major tensors of the stored type.
    ///
    /// What the file declares is checked against its real size before memory is taken. An array that would take more than `limit` bytes, or that is not numeric
    /// of at most four axes, is an error.
    public static func read(_ names: [String], from url: URL, limit: Int = defaultLimit) throws(TensorFileError) -> [HostTensor] {
        try naming(url) { try datasets(names, of: FileReader(url)) { try $0.read(limit: limit) } }
    }

    /// ``read(_:from:limit:)`` from the bytes of a file in memory; `name` stands for the path in errors.
    public static func decode(_ names: [String], from bytes: [UInt8], name: String, limit: Int = defaultLimit) throws(TensorFileError)
        -> [HostTensor]
    {
        try naming(name) { try datasets(names, of: FileReader(bytes, name: name)) { try $0.read(limit: limit) } }
    }

    /// Lengths of the axes of an array, outermost first, without reading it.
    public static func shape(of name: String, in url: URL) throws(TensorFileError) -> [Int] { try layout(of: name, in: url).shape }

    /// Lengths of the axes and type of an array, without reading it.
    public static func layout(of name: String, in url: URL) throws(TensorFileError) -> (shape: [Int], elementType: ElementType) {
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
