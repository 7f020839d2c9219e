/// Named tensors in order: what checkpoints are read into and written from.
public struct StateDictionary: Sendable, Equatable {
    /// Names in the order in which they were added.
    public private(set) var keys: [String] = []
    private var tensors: [String: HostTensor] = [:]
    /// Plain numbers and strings that lie beside the tensors in the file, such as the epoch.
    public var metadata: [String: MetadataValue] = [:]
    /// What reading left out, renamed or chose, a clause each without a full stop: to be shown to the user once.
    public var notes: [String] = []

    /// A dictionary of nothing.
    public init() {}

    /// A dictionary of `pairs` in their order; where a key comes twice, the later tensor stays.
    public init(_ pairs: some Sequence<(String, HostTensor)>, metadata: [String: MetadataValue] = [:]) {
        for (key, tensor) in pairs { self[key] = tensor }
        self.metadata = metadata
    }

    /// Number of tensors.
    public var count: Int { keys.count }
    /// Whether there is no tensor.
    public var isEmpty: Bool { keys.isEmpty }

    /// The tensor of that name; a new name goes to the end, nil removes.
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

    /// As ``count``.
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

    /// The value as text: what formats that know only text store.
    public var text: String {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .string(let value): value
        }
    }

    /// The whole number, also where a format stored it as text; nil for anything else.
    public var integerValue: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        case .string(let value): Int(value)
        case .bool: nil
        }
    }

    /// The number, also where a format stored it as text; nil for anything else.
    public var numberValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .string(let value): Double(value)
        case .bool: nil
        }
    }
}
