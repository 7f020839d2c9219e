@preconcurrency import CHDF5
import Foundation

/// HDF5 files: named arrays of numbers at the file's root, such as the `image` and `label` of Synapse's `.npy.h5` volumes.
///
/// Files may come from anywhere. Only arrays that lie in the file itself are read, whole, stored plainly or in chunks packed by deflate; links to other files,
/// virtual arrays and filter plugins are refused. What the file declares is checked against its real size before memory is taken.
public enum HDF5File {
    /// Bytes that one array may take unless the caller says otherwise: 4 GiB.
    public static let defaultLimit = 4 << 30

    /// Most axes that an array may have.
    static let largestRank = 4

    /// Reads arrays by name, in the type nearest to the stored one, as row-major tensors.
    ///
    /// An array that would take more than `limit` bytes, or that is not numeric of at most four axes, is an error.
    public static func read(_ names: [String], from url: URL, limit: Int = defaultLimit) throws(TensorFileError) -> [HostTensor] {
        try naming(url) {
            let size = try checkSignature(url)
            return try HDF5Library.exclusively {
                let file = try HDF5Library.open(url)
                defer { H5Fclose(file) }
                return try names.map { name in
                    do {
                        return try HDF5Dataset.read(name, of: file, fileSize: size, limit: limit)
                    } catch let fault as Fault {
                        throw Fault(fault.kind, "array '\(name.printable())': \(fault.reason)", remedy: fault.remedy)
                    }
                }
            }
        }
    }

    /// Lengths of the axes of an array, outermost first, without reading it.
    public static func shape(of name: String, in url: URL) throws(TensorFileError) -> [Int] {
        try naming(url) {
            _ = try checkSignature(url)
            return try HDF5Library.exclusively {
                let file = try HDF5Library.open(url)
                defer { H5Fclose(file) }
                return try HDF5Dataset.shape(name, of: file)
            }
        }
    }

    /// The file's size, where it is a regular file that begins as HDF5 does, perhaps after a user block.
    private static func checkSignature(_ url: URL) throws -> Int {
        let file = try FileReader(url)
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while offset + signature.count <= file.size {
            if try file.read(at: offset, count: signature.count, "the signature") == signature { return file.size }
            offset = offset == 0 ? 512 : offset * 2
        }
        throw Fault(.wrongFormat, "is not an HDF5 file (its signature is missing)")
    }
}

/// The library's global state: it is not safe for threads, prints on errors, and loads filters that the environment names, unless told otherwise.
enum HDF5Library {
    private static let lock = NSLock()
    static let standard = hid_t(0)  // H5P_DEFAULT, H5S_ALL, H5E_DEFAULT

    /// Runs `body` while no other thread is in the library.
    static func exclusively<Result>(_ body: () throws -> Result) throws -> Result {
        lock.lock()
        defer { lock.unlock() }
        guard H5open() >= 0 else { throw Fault(.unreadable, "cannot be read: the HDF5 library does not start", remedy: "reinstall libhdf5") }
        H5Eset_auto2(standard, nil, nil)
        H5PLset_loading_state(0)
        return try body()
    }

    static func open(_ url: URL) throws -> hid_t {
        let access = H5Pcreate(H5P_CLS_FILE_ACCESS_ID_g)
        defer { H5Pclose(access) }
        // Reading needs no lock, which read-only and network disks refuse.
        H5Pset_file_locking(access, false, true)
        let file = H5Fopen(url.path, 0, access)
        guard file >= 0 else { throw Fault(.corrupt, "is a damaged or truncated HDF5 file") }
        return file
    }
}
