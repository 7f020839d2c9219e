import Files

/// torch.save's container before 1.6: five pickles (magic number, protocol, system, object, storage
/// keys), then the storages, each after its number of elements.
final class PyTorchLegacy: StorageSource {
    let root: PickleValue
    let heap: PickleHeap
    private let file: FileReader
    private var offsets: [String: (offset: Int, count: Int)] = [:]

    /// Little-endian bytes of 0x1950a86a20f9469cfc6c, the first pickle's only value.
    private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

    /// True if a file starts with that pickle, in any protocol: 80 02 8A 0A and the magic number,
    /// or a frame first.
    static func begins(_ head: [UInt8]) -> Bool {
        guard head.count >= 2, head[0] == PickleOpcode.protocol.rawValue else { return false }
        return (4...14).contains { head.count >= $0 + magic.count && head[$0...].starts(with: magic) }
    }

    init(_ file: FileReader) throws {
        self.file = file
        var machine = PickleMachine(PickleInput(file, offset: 0))
        _ = try machine.load()
        guard case .integer(1001) = try machine.load() else {
            throw Fault(.unsupported, "is of an unknown version of torch.save's old format")
        }
        let system = try machine.load()
        root = try machine.load()
        let keys = try machine.load()
        heap = machine.heap
        if case .dictionary(let index) = system,
            case .bool(false)? = machine.heap.dictionaries[index].unique.first(where: { $0.key == "little_endian" })?.value
        {
            throw Fault(.unsupported, "was saved on a big-endian machine in the old format")
        }
        try locate(keys, from: machine.input.position)
    }

    private func locate(_ keys: PickleValue, from start: Int) throws {
        guard case .sequence(let index) = keys else { throw Fault(.corrupt, "the list of storage keys is missing") }
        var types: [String: StorageRecipe] = [:]
        for storage in heap.storages {
            if let other = types[storage.key], other.type != storage.type || other.count != storage.count {
                throw Fault(.corrupt, "storage '\(storage.key.printable())' is declared in two ways")
            }
            types[storage.key] = storage
        }
        var offset = start
        for item in heap.sequences[index] {
            guard case .string(let key) = item, let storage = types[key], offsets[key] == nil else {
                throw Fault(.corrupt, "the list of storage keys does not fit the storages")
            }
            guard let size = storage.type.byteCount else { throw Fault(.unsupported, "has a storage of an unknown type") }
            let count = try file.read(at: offset, count: 8, "the length of storage \(key.printable())").littleEndian(at: 0, as: Int.self)
            guard count >= 0, count == storage.count else {
                throw Fault(.corrupt, "storage \(key.printable()) has \(count) elements instead of \(storage.count)")
            }
            offset += 8
            offsets[key] = (offset, count)
            let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, bytes <= file.size - offset else {
                throw Fault(.truncated, "truncated: storage \(key.printable()) has \(file.size - offset) bytes of \(count) elements")
            }
            offset += bytes
        }
    }

    func bytes(of storage: StorageRecipe, byteCount: Int) throws -> [UInt8] {
        guard let place = offsets[storage.key] else { throw Fault(.corrupt, "the file has no storage \(storage.key.printable())") }
        return try file.read(at: place.offset, count: byteCount, "storage \(storage.key.printable())")
    }
}
