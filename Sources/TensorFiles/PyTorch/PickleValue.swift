/// A pickle's value: data, or the name of something that is not created.
///
/// Containers are indices into a `PickleHeap`, so a pickle whose values contain themselves causes
/// neither leaks nor recursion.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// Bytes, and integers beyond 64 bits; their values are not needed.
    case opaque
    /// A list, tuple or set.
    case sequence(Int)
    case dictionary(Int)
    /// A mentioned name `module.attribute`; it is never looked up.
    case global(String)
    /// The result of calling or instantiating that name; it does not exist.
    case foreign(String)
    /// A tensor of a kind that is not read, by the kind's name.
    case foreignTensor(String)
    case storage(Int)
    case tensor(Int)
}

/// The containers, storages and tensors that a pickle describes.
struct PickleHeap {
    var sequences: [[PickleValue]] = []
    var dictionaries: [PickleDictionary] = []
    var storages: [StorageRecipe] = []
    var tensors: [TensorRecipe] = []

    mutating func sequence(_ values: [PickleValue]) -> PickleValue {
        sequences.append(values)
        return .sequence(sequences.count - 1)
    }

    mutating func dictionary() -> PickleValue {
        dictionaries.append(PickleDictionary())
        return .dictionary(dictionaries.count - 1)
    }

    mutating func storage(_ recipe: StorageRecipe) -> PickleValue {
        storages.append(recipe)
        return .storage(storages.count - 1)
    }

    mutating func tensor(_ recipe: TensorRecipe) -> PickleValue {
        tensors.append(recipe)
        return .tensor(tensors.count - 1)
    }
}

/// The entries under string keys, in order. Others are dropped: weights have string names.
struct PickleDictionary {
    private var entries: [(key: String, value: PickleValue)] = []
    /// True if there were entries under other keys.
    var hasOtherKeys = false
    /// Dictionaries of attributes set on it, as Python's OrderedDict may have.
    var attributes: [Int] = []

    mutating func set(_ key: String, _ value: PickleValue) { entries.append((key, value)) }

    /// Entries in order of first appearance. A key that is set again has its last value, as in
    /// Python.
    var unique: [(key: String, value: PickleValue)] {
        var position: [String: Int] = [:]
        var result: [(key: String, value: PickleValue)] = []
        for entry in entries {
            if let index = position[entry.key] {
                result[index].value = entry.value
            } else {
                position[entry.key] = result.count
                result.append(entry)
            }
        }
        return result
    }
}

/// A storage that a pickle refers to by key.
struct StorageRecipe {
    var key: String
    /// The type of the storage's class, or the one given separately.
    var type: StorageType
    /// The number of elements in the whole storage.
    var count: Int
    /// The part that is used, in elements: very old files have views of storages.
    var viewOffset = 0
    var viewCount: Int
}

/// A storage's element type: a known one, bytes whose type is given later, or one to skip.
enum StorageType: Equatable {
    case typed(ElementType)
    case untyped
    case unsupported(name: String, byteCount: Int?)

    var byteCount: Int? {
        switch self {
        case .typed(let type): type.byteCount
        case .untyped: 1
        case .unsupported(_, let count): count
        }
    }

    /// The type of a class such as `torch.FloatStorage` or `torch.cuda.HalfStorage`.
    init(className: String) {
        let name = className.split(separator: ".").last.map(String.init) ?? className
        switch name {
        case "DoubleStorage": self = .typed(.float64)
        case "FloatStorage": self = .typed(.float32)
        case "HalfStorage": self = .typed(.float16)
        case "BFloat16Storage": self = .typed(.bfloat16)
        case "LongStorage": self = .typed(.int64)
        case "IntStorage": self = .typed(.int32)
        case "ShortStorage": self = .typed(.int16)
        case "CharStorage": self = .typed(.int8)
        case "ByteStorage": self = .typed(.uint8)
        case "BoolStorage": self = .typed(.bool)
        case "UntypedStorage": self = .untyped
        case "ComplexDoubleStorage": self = .unsupported(name: className, byteCount: 16)
        case "ComplexFloatStorage": self = .unsupported(name: className, byteCount: 8)
        case "QInt32Storage": self = .unsupported(name: className, byteCount: 4)
        case "QInt8Storage", "QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage": self = .unsupported(name: className, byteCount: 1)
        default: self = .unsupported(name: className, byteCount: nil)
        }
    }
}

/// A tensor as a view of a storage; offset and strides count elements.
struct TensorRecipe {
    var storage: Int
    var elementType: ElementType
    var offset: Int
    var shape: [Int]
    var strides: [Int]
}
