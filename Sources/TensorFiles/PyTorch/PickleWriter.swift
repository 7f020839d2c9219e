import Files

/// Writes a state dictionary's pickle like torch.save: protocol 2, storages by persistent id.
struct PickleWriter {
    private var bytes: [UInt8] = [PickleOpcode.protocol.rawValue, 2]

    static func pickle(_ dictionary: StateDictionary, under key: String?) -> [UInt8] {
        var writer = PickleWriter()
        if let key {
            writer.put(.emptyDict)
            writer.put(.mark)
            writer.string(key)
            writer.weights(dictionary)
            writer.entries(dictionary.metadata.filter { $0.key != key })
            writer.put(.setItems)
        } else {
            writer.weights(dictionary)
            if !dictionary.metadata.isEmpty { writer.attribute(dictionary.metadata) }
        }
        writer.put(.stop)
        return writer.bytes
    }

    /// The attribute that carries metadata if the file holds only weights.
    static let metadataAttribute = "metadata"

    /// Sets an attribute of the preceding OrderedDict. torch.load(weights_only=True) accepts it,
    /// and load_state_dict ignores it.
    private mutating func attribute(_ metadata: [String: MetadataValue]) {
        put(.emptyDict)
        put(.mark)
        string(Self.metadataAttribute)
        put(.emptyDict)
        put(.mark)
        entries(metadata)
        put(.setItems)
        put(.setItems)
        put(.build)
    }

    private mutating func entries(_ metadata: [String: MetadataValue]) {
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            string(name)
            scalar(value)
        }
    }

    private mutating func weights(_ dictionary: StateDictionary) {
        emptyOrderedDict()
        put(.mark)
        for (index, entry) in dictionary.enumerated() {
            string(entry.key)
            tensor(entry.tensor, storage: index)
        }
        put(.setItems)
    }

    private mutating func tensor(_ tensor: HostTensor, storage: Int) {
        let storageClass = PickleWriter.storageClass(tensor.elementType)
        // Types without a storage class are stored as bytes; the tensor gives the type.
        global("torch._utils", storageClass == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2")
        put(.mark)
        put(.mark)
        string("storage")
        if let storageClass { global("torch", storageClass) } else { global("torch.storage", "UntypedStorage") }
        string(String(storage))
        string("cpu")
        integer(storageClass == nil ? tensor.bytes.count : tensor.count)
        put(.tuple)
        put(.binPersistentID)
        integer(0)
        integers(tensor.shape)
        integers(PickleWriter.strides(tensor.shape))
        put(.newFalse)
        emptyOrderedDict()
        if storageClass == nil { global("torch", tensor.elementType.rawValue) }
        put(.tuple)
        put(.reduce)
    }

    private static func storageClass(_ type: ElementType) -> String? {
        switch type {
        case .float64: "DoubleStorage"
        case .float32: "FloatStorage"
        case .float16: "HalfStorage"
        case .bfloat16: "BFloat16Storage"
        case .int64: "LongStorage"
        case .int32: "IntStorage"
        case .int16: "ShortStorage"
        case .int8: "CharStorage"
        case .uint8: "ByteStorage"
        case .bool: "BoolStorage"
        case .uint16, .uint32, .uint64: nil
        }
    }

    private static func strides(_ shape: [Int]) -> [Int] {
        var strides: [Int] = []
        var step = 1
        for length in shape.reversed() {
            strides.append(step)
            // If another axis is empty, a length may overflow the product.
            step = step.multipliedReportingOverflow(by: max(1, length)).partialValue
        }
        return strides.reversed()
    }

    // MARK: Values

    private mutating func put(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

    private mutating func emptyOrderedDict() {
        global("collections", "OrderedDict")
        put(.emptyTuple)
        put(.reduce)
    }

    private mutating func global(_ module: String, _ name: String) {
        put(.global)
        bytes += Array("\(module)\n\(name)\n".utf8)
    }

    private mutating func string(_ text: String) {
        put(.binUnicode)
        littleEndian(UInt32(text.utf8.count))
        bytes += Array(text.utf8)
    }

    private mutating func integers(_ values: [Int]) {
        put(.mark)
        for value in values { integer(value) }
        put(.tuple)
    }

    private mutating func integer(_ value: Int) {
        if let small = UInt8(exactly: value) {
            put(.binInt1)
            bytes.append(small)
        } else if let medium = Int32(exactly: value) {
            put(.binInt)
            littleEndian(medium)
        } else {
            put(.long1)
            bytes.append(8)
            littleEndian(Int64(value))
        }
    }

    private mutating func scalar(_ value: MetadataValue) {
        switch value {
        case .bool(let value): put(value ? .newTrue : .newFalse)
        case .integer(let value): integer(value)
        case .number(let value):
            put(.binFloat)
            littleEndian(value.bitPattern.byteSwapped)
        case .string(let value): string(value)
        }
    }

    private mutating func littleEndian(_ value: some FixedWidthInteger) {
        bytes.put(value)
    }
}
