import Files

/// An HDF5 file: its blocks by address, and the links of its root group.
struct HDF5Container {
    struct Message {
        let kind: Int
        let isShared: Bool
        let data: [UInt8]
    }

    private let file: FileReader
    /// Bytes of structure that may still be followed for the current array.
    private let budget: Budget
    /// Addresses count from here, after a user block if there is one.
    private let base: Int
    private let root: Int

    /// Limits on the blocks to follow; sound files stay far below them.
    private static let mostBlocks = 256
    private static let mostMessages = 4096
    private static let mostNodes = 4096

    /// A sound file's blocks do not overlap, so together they are no longer than the file. A file
    /// whose blocks overlap or are named again and again fails here.
    private final class Budget {
        private let total: Int
        private var spent = 0

        init(_ total: Int) { self.total = total }

        func renew() { spent = 0 }

        func spend(_ count: Int) throws {
            spent += count
            guard spent <= total else { throw Fault(.corrupt, "damaged: its groups and headers name the same blocks again and again") }
        }
    }

    init(_ file: FileReader) throws {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while try offset + 8 <= file.size && file.read(at: offset, count: 8, "the signature") != signature {
            offset = offset == 0 ? 512 : offset * 2
        }
        guard offset + 8 <= file.size else { throw Fault(.wrongFormat, "is not an HDF5 file (its signature is missing)") }
        self.file = file
        budget = Budget(file.size + (1 << 16))
        base = offset
        let (root, end) = try Self.root(HDF5Bytes(file.read(at: offset + 8, count: min(112, file.size - offset - 8), "the superblock")))
        guard end <= file.size else { throw Fault(.truncated, "truncated: \(file.size) of \(end) bytes are there") }
        self.root = root
    }

    var size: Int { file.size }

    /// The address of the root group's header, and the end of the file as recorded in it.
    private static func root(_ superblock: HDF5Bytes) throws -> (root: Int, end: Int) {
        var fields = superblock
        let version = try fields.byte()
        guard version <= 3 else { throw Fault(.unsupported, "is of version \(version) of the HDF5 format") }
        let isOld = version < 2
        if isOld { try fields.skip(4) }
        guard try fields.take(2) == [8, 8] else { throw Fault(.unsupported, "is an HDF5 file with addresses of other than 8 bytes") }
        // Skip the nodes' sizes and flags, then the base and another address.
        try fields.skip(isOld ? (version == 0 ? 9 : 13) : 1)
        try fields.skip(2 * 8)
        let end = try fields.length()
        // Skip the driver's address and the root link's name.
        if isOld { try fields.skip(2 * 8) }
        guard let root = try fields.address() else { throw Fault(.corrupt, "is an HDF5 file without a root group") }
        return (root, end)
    }

    func read(at address: Int, count: Int, _ what: @autoclosure () -> String) throws -> [UInt8] {
        guard address <= file.size else { throw Fault(.truncated, "truncated: \(what()) is beyond the file's end") }
        return try file.read(at: base + address, count: count, what())
    }

    /// Like ``read(at:count:_:)``, for blocks that point to others; counts against the budget.
    private func follow(_ address: Int, _ count: Int, _ what: String) throws -> [UInt8] {
        // Read first: then the count is one that the file has, and no sum of such counts overflows.
        let bytes = try read(at: address, count: count, what)
        try budget.spend(count)
        return bytes
    }

    /// Starts another array, which may share blocks with the previous one.
    func beginArray() { budget.renew() }

    // MARK: Object headers

    /// The messages of the object header at an address, in order.
    func messages(at address: Int) throws -> [Message] {
        let start = try follow(address, min(64, max(0, file.size - base - address)), "an object header")
        return start.starts(with: Array("OHDR".utf8)) ? try newMessages(start, at: address) : try oldMessages(start, at: address)
    }

    private func oldMessages(_ start: [UInt8], at address: Int) throws -> [Message] {
        var fields = HDF5Bytes(start)
        guard try fields.byte() == 1 else { throw Fault(.corrupt, "damaged: an object header is missing") }
        try fields.skip(7)
        var blocks = [(address: address + 16, size: try fields.word())]
        return try collect(&blocks) { block in
            var fields = HDF5Bytes(try follow(block.address, block.size, "an object header"))
            var messages: [Message] = []
            while fields.remaining >= 8 {
                let (kind, size, flags) = (try fields.short(), try fields.short(), try fields.byte())
                try fields.skip(3)
                messages.append(Message(kind: kind, isShared: flags & 2 != 0, data: try fields.take(size)))
            }
            return messages
        }
    }

    private func newMessages(_ start: [UInt8], at address: Int) throws -> [Message] {
        var fields = HDF5Bytes(start)
        try fields.skip(5)
        let flags = try fields.byte()
        try fields.skip((flags & 0x20 != 0 ? 16 : 0) + (flags & 0x10 != 0 ? 4 : 0))
        let size: Int =
            switch flags & 3 {
            case 0: try fields.byte()
            case 1: try fields.short()
            case 2: try fields.word()
            default: try fields.length()
            }
        let first = address + fields.position
        var blocks = [(address: first, size: size)]
        return try collect(&blocks) { block in
            var bytes = try follow(block.address, block.size, "an object header")
            if block.address != first {
                // Continuations start with a signature and end with a checksum.
                guard bytes.count >= 8, bytes.starts(with: Array("OCHK".utf8)) else {
                    throw Fault(.corrupt, "damaged: an object header ends early")
                }
                bytes = Array(bytes[4..<(bytes.count - 4)])
            }
            var fields = HDF5Bytes(bytes)
            var messages: [Message] = []
            let headerSize = flags & 4 != 0 ? 6 : 4
            while fields.remaining >= headerSize {
                let (kind, size, messageFlags) = (try fields.byte(), try fields.short(), try fields.byte())
                try fields.skip(headerSize - 4)
                // The rest is a gap.
                guard size <= fields.remaining else { break }
                messages.append(Message(kind: kind, isShared: messageFlags & 2 != 0, data: try fields.take(size)))
            }
            return messages
        }
    }

    /// The messages of these blocks and of their continuations.
    private func collect(
        _ blocks: inout [(address: Int, size: Int)], _ parse: ((address: Int, size: Int)) throws -> [Message]
    ) throws -> [Message] {
        let continuation = 0x10
        var (all, next): ([Message], Int) = ([], 0)
        while next < blocks.count {
            for message in try parse(blocks[next]) {
                if message.kind == continuation {
                    var fields = HDF5Bytes(message.data)
                    guard let address = try fields.address() else { continue }
                    blocks.append((address, try fields.length()))
                } else {
                    all.append(message)
                }
            }
            next += 1
            guard blocks.count <= Self.mostBlocks, all.count <= Self.mostMessages else {
                throw Fault(.limit, "an object header is endless")
            }
        }
        return all
    }

    // MARK: Links of the root group

    /// The header of the object that a hard link of the root group points to.
    func object(_ name: String) throws -> Int {
        for message in try messages(at: root) {
            var fields = HDF5Bytes(message.data)
            switch message.kind {
            case 0x11:
                guard let tree = try fields.address(), let heap = try fields.address() else { continue }
                if let found = try symbol(name, tree: tree, heap: heap) { return found }
            case 0x6: if let found = try link(name, fields) { return found }
            case 0x2:
                try fields.skip(1)
                try fields.skip(try fields.byte() & 1 != 0 ? 8 : 0)
                guard try fields.address() == nil else {
                    throw Fault(.unsupported, "lies in a group of a newer form", remedy: "save the file with libver='earliest'")
                }
            default: continue
            }
        }
        throw Fault(.missing, "is not in the file", remedy: "save the array under that name")
    }

    private static let otherLink = Fault(
        .unsupported, "is a link that may lead elsewhere, which is not followed", remedy: "copy the array into the file itself")

    private func link(_ name: String, _ message: HDF5Bytes) throws -> Int? {
        var fields = message
        guard try fields.byte() == 1 else { throw Fault(.unsupported, "holds links of an unknown version") }
        let flags = try fields.byte()
        let kind = flags & 8 != 0 ? try fields.byte() : 0
        try fields.skip((flags & 4 != 0 ? 8 : 0) + (flags & 16 != 0 ? 1 : 0))
        let length: Int =
            switch flags & 3 {
            case 0: try fields.byte()
            case 1: try fields.short()
            case 2: try fields.word()
            default: try fields.length()
            }
        guard try fields.take(length) == Array(name.utf8) else { return nil }
        guard kind == 0, let address = try fields.address() else { throw Self.otherLink }
        return address
    }

    /// Looks a name up in the older form of groups: a tree of tables whose names are in a heap.
    private func symbol(_ name: String, tree: Int, heap: Int) throws -> Int? {
        var heapFields = HDF5Bytes(try follow(heap, 32, "the names of the root group"))
        try heapFields.expect("HEAP")
        try heapFields.skip(4)
        let namesSize = try heapFields.length()
        try heapFields.skip(8)
        guard let namesAddress = try heapFields.address() else { return nil }
        let names = try follow(namesAddress, namesSize, "the names of the root group")
        let wanted = Array(name.utf8) + [0]

        var (nodes, next) = ([tree], 0)
        while next < nodes.count {
            guard nodes.count <= Self.mostNodes else { throw Fault(.limit, "the root group is endless") }
            let address = nodes[next]
            next += 1
            var fields = HDF5Bytes(try follow(address, 24, "the root group"))
            if try fields.begins("SNOD") {
                try fields.skip(6)
                var table = HDF5Bytes(try follow(address + 8, 40 * fields.short(), "the root group"))
                while table.remaining >= 40 {
                    let (start, header, cache) = (try table.length(), try table.address(), try table.word())
                    try table.skip(20)
                    guard start < names.count, names[start...].starts(with: wanted) else { continue }
                    guard cache != 2, let header else { throw Self.otherLink }
                    return header
                }
            } else {
                try fields.expect("TREE")
                try fields.skip(2)
                let count = try fields.short()
                var children = HDF5Bytes(try follow(address + 24, 16 * count, "the root group"))
                for _ in 0..<count {
                    try children.skip(8)
                    if let child = try children.address() { nodes.append(child) }
                }
            }
        }
        return nil
    }
}
