/// Named tensors in order; checkpoints are read into it and written from it.
public struct StateDictionary: Sendable, Equatable {
    /// Names in the order of their addition.
    public private(set) var keys: [String] = []
    private var tensors: [String: HostTensor] = [:]
    /// Plain numbers and strings beside the tensors in the file, such as the epoch.
    public var metadata: [String: MetadataValue] = [:]
    /// Notes on removals, renamings and choices while reading: clauses without a full stop, to show
    /// to the user once.
    public var notes: [String] = []

    /// An empty dictionary.
    public init() {}

    /// A dictionary of `pairs` in their order; of equal keys the last counts.
    public init(_ pairs: some Sequence<(String, HostTensor)>, metadata: [String: MetadataValue] = [:]) {
        for (key, tensor) in pairs { self[key] = tensor }
        self.metadata = metadata
    }

    /// Number of tensors.
    public var count: Int { keys.count }
    /// True if there is no tensor.
    public var isEmpty: Bool { keys.isEmpty }

    /// The tensor of that name. A new name is added at the end; nil removes.
    public subscript(key: String) -> HostTensor? {
        get { tensors[key] }
        set {
            let old = tensors.updateOrRemove(newValue, forKey: key)
            if old == nil, newValue != nil { keys.append(key) }
            if old != nil, newValue == nil { keys.removeAll { $0 == key } }
        }
    }

    /// The tensors whose names `isKept` accepts, in order; metadata and notes stay.
    public func filter(_ isKept: (String) throws -> Bool) rethrows -> StateDictionary {
        var result = self
        result.removeAll()
        for key in keys where try isKept(key) { result[key] = tensors[key] }
        return result
    }

    /// Removes every tensor; metadata and notes stay.
    public mutating func removeAll() {
        keys.removeAll()
        tensors.removeAll()
    }
}

extension StateDictionary: Sequence {
    /// Pairs of name and tensor, in order.
    public func makeIterator() -> AnyIterator<(key: String, tensor: HostTensor)> {
        var index = 0
        return AnyIterator {
            while index < keys.count {
                let key = keys[index]
                index += 1
                if let tensor = tensors[key] { return (key, tensor) }
            }
            return nil
        }
    }

    /// The ``count``.
    public var underestimatedCount: Int { keys.count }
}

extension Dictionary {
    fileprivate mutating func updateOrRemove(_ value: Value?, forKey key: Key) -> Value? {
        if let value { updateValue(value, forKey: key) } else { removeValue(forKey: key) }
    }
}

/// A plain value beside the tensors of a file.
public enum MetadataValue: Sendable, Equatable {
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case integer(Int)
    /// Any other number.
    case number(Double)
    /// Text.
    case string(String)

    /// The value as text, for formats that store only text.
    public var text: String {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value
        }
    }

    /// The whole number, even if stored as text; nil for anything else.
    public var integerValue: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        case .string(let value): Int(value)
        case .bool: nil
        }
    }

    /// The number, even if stored as text; nil for anything else.
    public var numberValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let value): Double(value)
        case .bool: nil
        }
    }
}
