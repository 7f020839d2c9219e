import Files

/// The few calls, by name, that a checkpoint of tensors consists of. Nothing from the file is ever
/// run.
extension PickleHeap {
    /// The value that `name(arguments…)` describes. Adds the call's cost beyond one step to
    /// `work`.
    mutating func construct(
        _ name: String, _ arguments: [PickleValue], work: inout Int
    ) throws -> PickleValue {
        switch name {
        case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
            return try rebuildTensor(arguments, typeAt: name.hasSuffix("v3") ? 6 : nil)
        case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
            switch arguments.first {
            case .tensor?, .foreignTensor?: return arguments[0]
            default: return .foreign(name)
            }
        case "torch._tensor._rebuild_from_type_v2":
            return try rebuildFromType(arguments)
        case "collections.OrderedDict", "builtins.dict", "__builtin__.dict":
            return try buildDictionary(arguments, name: name, work: &work)
        case "torch.Size", "builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset", "builtins.list",
            "__builtin__.list", "builtins.tuple", "__builtin__.tuple":
            guard let first = arguments.first else { return sequence([]) }
            // The same items; whether they form a list or a set does not matter here.
            if case .sequence = first { return first }
            return .foreign(name)
        case "_codecs.encode": return .opaque
        default:
            // Sparse and quantised tensors, for example.
            let rebuild = "torch._utils._rebuild_"
            return name.hasPrefix(rebuild) ? .foreignTensor(String(name.dropFirst(rebuild.count))) : .foreign(name)
        }
    }

    /// The value that torch.save refers to as ('storage', class, key, device, count[, view]).
    mutating func persistent(_ identifier: PickleValue) throws -> PickleValue {
        guard case .sequence(let index) = identifier, sequences[index].count >= 5, case .string(let kind) = sequences[index][0] else {
            throw Fault(.corrupt, "a persistent id that torch.save does not write")
        }
        let items = sequences[index]
        guard kind == "storage" else { return .foreign(kind.printable()) }
        guard case .global(let className) = items[1], case .string(let key) = items[2], case .integer(let count) = items[4], count >= 0
        else {
            throw Fault(.corrupt, "a storage that torch.save does not write")
        }
        guard key.utf8.count <= PickleMachine.Limits.nameBytes else { throw Fault(.limit, "a storage key of \(key.utf8.count) bytes") }
        var recipe = StorageRecipe(key: key, type: StorageType(className: className), count: count, viewCount: count)
        if items.count > 5, case .sequence(let view) = items[5] {
            guard sequences[view].count == 3, case .integer(let offset) = sequences[view][1],
                case .integer(let length) = sequences[view][2],
                offset >= 0, length >= 0, offset <= count, length <= count - offset
            else { throw Fault(.corrupt, "a view of a storage beyond its end") }
            recipe.viewOffset = offset
            recipe.viewCount = length
        }
        return storage(recipe)
    }

    /// (storage, offset, shape, strides, …). The type is the storage's or, in version 3, a separate
    /// argument.
    private mutating func rebuildTensor(_ arguments: [PickleValue], typeAt: Int?) throws -> PickleValue {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
            let shape = integers(arguments[2]), let strides = integers(arguments[3])
        else { throw Fault(.corrupt, "a tensor without storage, offset, shape and strides") }
        var type = storages[storage].type
        if let typeAt {
            guard arguments.count > typeAt, case .global(let name) = arguments[typeAt] else {
                throw Fault(.corrupt, "a tensor without a type")
            }
            type =
                ElementType(rawValue: name.split(separator: ".").last.map(String.init) ?? "").map { .typed($0) }
                ?? .unsupported(name: name, byteCount: nil)
        } else if type == .untyped {
            type = .typed(.uint8)
        }
        guard case .typed(let elementType) = type else {
            if case .unsupported(let name, _) = type { return .foreignTensor(name.split(separator: ".").last.map(String.init) ?? name) }
            return .foreign("torch.UntypedStorage")
        }
        return tensor(TensorRecipe(storage: storage, elementType: elementType, offset: offset, shape: shape, strides: strides))
    }

    /// (function, class, arguments, state): a tensor of a subclass, or with attributes. Follows
    /// only the plain functions.
    private mutating func rebuildFromType(_ arguments: [PickleValue]) throws -> PickleValue {
        guard arguments.count >= 3, case .global(let function) = arguments[0], case .sequence(let index) = arguments[2] else {
            return .foreign("torch._tensor._rebuild_from_type_v2")
        }
        switch function {
        case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
            return try rebuildTensor(sequences[index], typeAt: function.hasSuffix("v3") ? 6 : nil)
        case "torch._utils._rebuild_parameter":
            switch sequences[index].first {
            case .tensor?, .foreignTensor?: return sequences[index][0]
            default: return .foreign(function)
            }
        default: return .foreign(function)
        }
    }

    private mutating func buildDictionary(
        _ arguments: [PickleValue], name: String, work: inout Int
    ) throws -> PickleValue {
        let result = dictionary()
        guard let first = arguments.first, case .dictionary(let target) = result else { return result }
        if case .dictionary = first { return first }
        guard case .sequence(let index) = first else { return .foreign(name) }
        work += sequences[index].count
        for item in sequences[index] {
            guard case .sequence(let pair) = item, sequences[pair].count == 2 else { return .foreign(name) }
            guard case .string(let key) = sequences[pair][0] else { continue }
            guard key.utf8.count <= PickleMachine.Limits.keyBytes else { throw Fault(.limit, "a key of \(key.utf8.count) bytes") }
            work += key.utf8.count / 64
            dictionaries[target].set(key, sequences[pair][1])
        }
        return result
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        guard case .sequence(let index) = value, sequences[index].count <= PickleMachine.Limits.axes else { return nil }
        var result: [Int] = []
        for item in sequences[index] {
            guard case .integer(let length) = item else { return nil }
            result.append(length)
        }
        return result
    }
}
