import Files

/// torch.save's container since 1.6: a zip archive with `NAME/data.pkl` and a record
/// `NAME/data/KEY` for every storage.
final class PyTorchZip: StorageSource {
    private let archive: ZipReader
    private let entries: [String: ZipReader.Entry]
    private let prefix: String
    private let isBigEndian: Bool
    private var remaining: Int

    static let maximumPickle = 64 << 20

    init(_ file: FileReader) throws {
        archive = try ZipReader(file)
        entries = Dictionary(archive.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        guard let pickle = archive.entries.first(where: { $0.name == "data.pkl" || $0.name.hasSuffix("/data.pkl") }) else {
            throw PyTorchZip.notPyTorch(archive.entries.map(\.name))
        }
        prefix = String(pickle.name.dropLast("data.pkl".count))
        if entries[prefix + "constants.pkl"] != nil {
            throw Fault(
                .unsupported, "is a TorchScript archive (a program), not a checkpoint",
                remedy: "load it with torch.jit.load and save its state_dict() with torch.save")
        }
        // Compressed weights shrink little; a zip bomb shrinks a thousandfold.
        remaining = (64 << 20) + 16 * file.size
        var order: [UInt8] = []
        if let entry = entries[prefix + "byteorder"] { order = try archive.read(entry, limit: 64) }
        isBigEndian = order == Array("big".utf8)
    }

    func pickle() throws -> [UInt8] {
        guard let entry = entries[prefix + "data.pkl"] else { return [] }
        return try archive.read(entry, limit: PyTorchZip.maximumPickle)
    }

    func bytes(of storage: StorageRecipe, byteCount: Int) throws -> [UInt8] {
        let name = "data/\(storage.key.printable())"
        guard let entry = entries["\(prefix)data/\(storage.key)"] else { throw Fault(.corrupt, "the archive has no record \(name)") }
        guard entry.size >= byteCount else { throw Fault(.truncated, "truncated: record \(name) has \(entry.size) of \(byteCount) bytes") }
        guard entry.size == byteCount else { throw Fault(.corrupt, "record \(name) has \(entry.size) bytes instead of \(byteCount)") }
        guard entry.size <= remaining else { throw Fault(.limit, "its records unpack to far more than the file's size") }
        remaining -= entry.size
        var bytes = try archive.read(entry, limit: byteCount)
        let size = storage.type.byteCount ?? 1
        if isBigEndian, storage.type == .untyped {
            throw Fault(.unsupported, "was saved on a big-endian machine, with untyped storages")
        }
        if isBigEndian { bytes.swapBytes(of: size) }
        return bytes
    }

    private static func notPyTorch(_ names: [String]) -> Fault {
        if !names.isEmpty, names.allSatisfy({ $0.hasSuffix(".npy") }) {
            return Fault(.wrongFormat, "is a NumPy .npz archive, not a checkpoint", remedy: "give the file that torch.save wrote")
        }
        return Fault(
            .wrongFormat, "is a zip archive without data.pkl, not a PyTorch checkpoint",
            remedy: "give the file that torch.save wrote; if the archive holds it, unpack it first")
    }
}
