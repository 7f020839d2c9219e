/// What the pickle machine makes of a pickle: data, or names of things that it will not make.
///
/// Containers are indices into a `PickleHeap`, so that a pickle in which things contain themselves is neither a leak nor a recursion.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// Bytes and integers beyond 64 bits: nothing here needs their values.
    case opaque
    /// A list, tuple or set.
    case sequence(Int)
    case dictionary(Int)
    /// A name `module.attribute` that was mentioned; nothing is ever looked up.
    case global(String)
    /// What a call or an instance of that name would have been.
    case foreign(String)
    case storage(Int)
    case tensor(Int)
}

/// Containers, storages and tensors that a pickle describes.
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

/// The entries under string keys as they came; others are not kept, since no weight is named by anything but a string.
struct PickleDictionary {
    private var entries: [(key: String, value: PickleValue)] = []
    /// Dictionaries of attributes that were set on it: Python's OrderedDict can have some.
    var attributes: [Int] = []

    mutating func set(_ key: String, _ value: PickleValue) { entries.append((key, value)) }

    /// Entries in order of first appearance; a key set again has its last value, as in Python.
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
    /// The storage's class or the element type it says.
    var type: StorageType
    /// Elements of the whole storage.
    var count: Int
    /// The part of it that is meant, in elements: very old files have views of storages.
    var viewOffset = 0
    var viewCount: Int
}

/// The element type of a storage: one that we have, bytes of a type said later, or one that we can only step over.
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

    /// By the class's name, such as `torch.FloatStorage` or `torch.cuda.HalfStorage`.
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
