import Files

/// Finds the weights in what a checkpoint's pickle describes.
struct StateDictionaryFinder {
    /// Keys under which trainers keep the weights, in order of preference.
    static let nestingKeys = ["model_state_dict", "state_dict", "model"]
    /// {"model": {"state_dict": …}} is deep already; a limit keeps a dictionary that contains itself from being walked for ever.
    static let maximumDepth = 4

    let heap: PickleHeap

    struct Found {
        var tensors: [(key: String, tensor: Int)]
        var metadata: [String: MetadataValue]
    }

    func find(in root: PickleValue) throws -> Found {
        guard case .dictionary(let index) = root else {
            switch root {
            case .foreign(let name):
                throw Fault(
                    .unsupported, "holds a whole object (\(name.printable())), not a dictionary of weights",
                    remedy: "save model.state_dict() instead of the model")
            case .tensor: throw Fault(.unsupported, "holds a single tensor, not a dictionary of weights", remedy: "save a state_dict")
            default: throw Fault(.unsupported, "holds no dictionary of weights", remedy: "save model.state_dict()")
            }
        }
        if let found = search(index, depth: 0) { return found }
        let entries = heap.dictionaries[index].unique
        let keys = entries.prefix(12).map { "\($0.key.printable(limit: 40))" }.joined(separator: ", ")
        throw Fault(
            .unsupported, entries.isEmpty ? "holds an empty dictionary, no weights" : "holds no weights: no tensors, only the keys \(keys)",
            remedy: "save model.state_dict(), alone or under 'model', 'state_dict' or 'model_state_dict'")
    }

    private func search(_ index: Int, depth: Int) -> Found? {
        let entries = heap.dictionaries[index].unique
        if depth < StateDictionaryFinder.maximumDepth {
            for name in StateDictionaryFinder.nestingKeys {
                guard case .dictionary(let nested)? = entries.first(where: { $0.key == name })?.value,
                    var found = search(nested, depth: depth + 1)
                else { continue }
                found.metadata.merge(scalars(entries)) { inner, _ in inner }
                return found
            }
        }
        let tensors = entries.compactMap { entry -> (key: String, tensor: Int)? in
            guard case .tensor(let tensor) = entry.value else { return nil }
            return (entry.key, tensor)
        }
        return tensors.isEmpty ? nil : Found(tensors: tensors, metadata: scalars(entries))
    }

    private func scalars(_ entries: [(key: String, value: PickleValue)]) -> [String: MetadataValue] {
        var result: [String: MetadataValue] = [:]
        for (key, value) in entries {
            switch value {
            case .bool(let value): result[key] = .bool(value)
            case .integer(let value): result[key] = .integer(value)
            case .number(let value): result[key] = .number(value)
            case .string(let value) where value.utf8.count <= PickleMachine.Limits.keyBytes: result[key] = .string(value)
            default: break
            }
        }
        return result
    }
}
