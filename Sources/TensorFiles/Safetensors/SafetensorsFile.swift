import Dispatch
import Files
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `.safetensors` files: a JSON header, then the tensors' bytes.
public enum SafetensorsFile {
    /// The longest header to read, the format's own limit: 100 MB.
    public static let maximumHeader = 100_000_000

    /// Reads tensors in the header's order, and `__metadata__` as strings.
    ///
    /// The tensors must fill the rest of the file exactly, as the format requires: gaps, overlaps
    /// and left-over bytes are errors.
    public static func read(_ url: URL) throws(FileError) -> StateDictionary {
        try naming(url) { try read(FileReader(url)) }
    }

    static func read(_ file: FileReader) throws -> StateDictionary {
        let (header, start) = try header(file)
        var result = StateDictionary()
        result.metadata = header.metadata.mapValues { .string($0) }
        let types = try check(header.entries, dataSize: file.size - start)
        try Memory.ask(for: file.size - start)
        let bytes = bytes(of: header.entries, from: start, in: file)
        for (i, (entry, type)) in zip(header.entries, types).enumerated() {
            result[entry.name] = HostTensor(unchecked: entry.shape, type, try bytes[i].get())
        }
        return result
    }

    /// Reads each tensor's bytes on two threads: half of the time is the first touch of their
    /// memory.
    private static func bytes(
        of entries: [SafetensorsHeader.Entry], from start: Int, in file: FileReader
    ) -> [Result<[UInt8], FileError>] {
        let results = Mutex([Result<[UInt8], FileError>](repeating: .success([]), count: entries.count))
        let threads = 2
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for i in stride(from: thread, to: entries.count, by: threads) {
                let entry = entries[i]
                let result = Result { () throws(FileError) in
                    try file.read(at: start + entry.begin, count: entry.end - entry.begin, "tensor '\(entry.name.printable())'")
                }
                results.withLock { $0[i] = result }
            }
        }
        return results.withLock(\.self)
    }

    /// Reads `__metadata__` alone; the tensors are neither read nor checked.
    public static func metadata(of url: URL) throws(FileError) -> [String: String] {
        try naming(url) { try header(FileReader(url)).0.metadata }
    }

    /// Writes tensors and metadata, whole or not at all. Equal contents give equal bytes.
    public static func write(_ dictionary: StateDictionary, to url: URL) throws(FileError) {
        try naming(url) {
            guard dictionary["__metadata__"] == nil else {
                throw Fault(.unwritable, "no tensor can be named '__metadata__' in this format", remedy: "rename it")
            }
            // Wide elements come first, so that every tensor is aligned.
            let order = dictionary.keys.enumerated().sorted {
                (width(dictionary, $0.element), $1.offset) > (width(dictionary, $1.element), $0.offset)
            }
            var places: [String: (begin: Int, end: Int)] = [:]
            var offset = 0
            for (_, key) in order {
                let count = dictionary[key]?.bytes.count ?? 0
                places[key] = (offset, offset + count)
                offset += count
            }
            var header = SafetensorsHeader()
            header.metadata = dictionary.metadata.mapValues(\.text)
            for (key, tensor) in dictionary {
                guard let place = places[key] else { continue }
                header.entries.append(
                    .init(name: key, type: code(tensor.elementType), shape: tensor.shape, begin: place.begin, end: place.end))
            }
            var text = header.json
            text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
            guard text.count <= maximumHeader else {
                throw Fault(.limit, "its header would be longer than 100 MB", remedy: "store less metadata")
            }
            try AtomicFile.write(to: url) { writer in
                var length: [UInt8] = []
                length.put(UInt64(text.count))
                try writer.write(length + text)
                for (_, key) in order { try writer.write(dictionary[key]?.bytes ?? []) }
            }
        }
    }

    /// True if a file with this start can only be meant as safetensors.
    static func isLikely(_ head: [UInt8]) -> Bool {
        // The length of a header under 100 MB ends in four zero bytes.
        head.count >= 9 && head[8] == UInt8(ascii: "{") && head[4..<8].allSatisfy { $0 == 0 }
    }

    private static func width(_ dictionary: StateDictionary, _ key: String) -> Int { dictionary[key]?.elementType.byteCount ?? 0 }

    private static func header(_ file: FileReader) throws -> (SafetensorsHeader, start: Int) {
        let length = try file.read(at: 0, count: 8, "the header's length").littleEndian(at: 0, as: UInt64.self)
        guard length <= UInt64(maximumHeader) else {
            throw Fault(
                .limit, "its header declares \(length) bytes, more than 100 MB",
                remedy: "check that it is a safetensors file; download it again")
        }
        let text = try file.read(at: 8, count: Int(length), "the header")
        return (try SafetensorsHeader(json: text), 8 + Int(length))
    }

    /// Checks types, shapes and offsets against each other and the file. Returns the element types.
    private static func check(_ entries: [SafetensorsHeader.Entry], dataSize: Int) throws -> [ElementType] {
        var types: [ElementType] = []
        for entry in entries {
            let name = "tensor '\(entry.name.printable())'"
            guard let type = codes[entry.type] else {
                throw Fault(.unsupported, "\(name) has elements of type \(entry.type.printable())", remedy: "convert it to F32")
            }
            guard entry.shape.count <= 64, let size = HostTensor.byteCount(shape: entry.shape, elementType: type) else {
                throw Fault(.corrupt, "\(name) has a shape that is out of range")
            }
            guard entry.begin <= entry.end, entry.end - entry.begin == size else {
                throw Fault(.corrupt, "\(name) of shape \(entry.shape) takes \(size) bytes, but lies from \(entry.begin) to \(entry.end)")
            }
            types.append(type)
        }
        var end = 0
        for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            let name = "tensor '\(entry.name.printable())'"
            guard entry.begin >= end else { throw Fault(.corrupt, "\(name) overlaps another") }
            guard entry.begin == end else { throw Fault(.corrupt, "\(entry.begin - end) bytes before \(name) belong to no tensor") }
            guard entry.end <= dataSize else {
                throw Fault(.truncated, "truncated: \(name) has \(max(0, dataSize - entry.begin)) of \(entry.end - entry.begin) bytes")
            }
            end = entry.end
        }
        guard end == dataSize else { throw Fault(.corrupt, "\(dataSize - end) bytes at its end belong to no tensor") }
        return types
    }

    private static let codes: [String: ElementType] = [
        "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64, "I32": .int32, "I16": .int16, "I8": .int8,
        "U64": .uint64, "U32": .uint32, "U16": .uint16, "U8": .uint8, "BOOL": .bool,
    ]

    private static func code(_ type: ElementType) -> String { codes.first { $0.value == type }?.key ?? "" }
}
