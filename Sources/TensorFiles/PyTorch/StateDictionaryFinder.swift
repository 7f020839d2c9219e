import Files

/// Finds the weights among the values of a checkpoint's pickle.
struct StateDictionaryFinder {
    /// Trainers' usual names for weights. They decide between sets of equal size, first to last.
    private static let usualNames = ["model_state_dict", "state_dict", "model", "network_weights", "net", "params", "weights"]
    /// {"model": {"state_dict": …}} is already deep.
    private static let deepest = 6
    /// Entries of a list to look at: lists of weights are short, other lists long.
    private static let longestList = 64

    let heap: PickleHeap

    struct Found {
        var tensors: [(key: String, tensor: Int)]
        var metadata: [String: MetadataValue]
        var notes: [String] = []
    }

    /// A dictionary with tensors.
    private struct Candidate {
        /// The keys that lead to it; empty at the top.
        var path: [String]
        var tensors: [(key: String, tensor: Int)]
        /// Tensors of kinds that are not read, with the kind's name.
        var unread: [(key: String, kind: String)]
        /// The plain values in it and in the dictionaries around it.
        var metadata: [String: MetadataValue]

        var name: String { path.joined(separator: ".") }
        var count: Int { tensors.count + unread.count }
        var isAverage: Bool { path.contains(where: WeightsChoice.isAverage) }
        var isTrainingState: Bool { path.contains(where: WeightsChoice.isTrainingState) }
        /// The smaller is preferred.
        var preference: Int {
            StateDictionaryFinder.usualNames.firstIndex { path.contains($0) } ?? StateDictionaryFinder.usualNames.count
        }
    }

    func find(in root: PickleValue, choosing choice: WeightsChoice) throws -> Found {
        var walk = Walk(heap: heap)
        walk.visit(root, path: [], metadata: [:])
        let all = walk.candidates
        guard !all.isEmpty else { throw noWeights(root) }
        let weights = all.contains { !$0.isTrainingState } ? all.filter { !$0.isTrainingState } : all
        let own = weights.filter { !$0.isAverage }
        let averages = weights.filter(\.isAverage)
        switch choice {
        case .named(let name):
            guard let candidate = all.first(where: { $0.name == name || $0.path.last == name }) else {
                throw Fault(
                    .missing, "holds no weights under '\(name.printable())', but under \(list(all))", remedy: "name one of these")
            }
            return try found(candidate, passedOver: [])
        case .average:
            guard let candidate = largest(averages) else {
                throw Fault(.missing, "holds no averaged weights, only those \(place(largest(own)))", remedy: "take the model's own")
            }
            return try found(candidate, passedOver: averages + own)
        case .model:
            guard let candidate = largest(own) ?? largest(averages) else { throw noWeights(root) }
            return try found(candidate, passedOver: weights)
        }
    }

    /// The set with the most tensors; among equals, the one with the most usual name, then the
    /// first.
    private func largest(_ candidates: [Candidate]) -> Candidate? {
        candidates.enumerated().min { a, b in
            (-a.element.count, a.element.preference, a.offset) < (-b.element.count, b.element.preference, b.offset)
        }?.element
    }

    /// The result, with a note if another set could have been meant: averaged weights, or one of
    /// similar size. Throws if a tensor cannot be read: without it the weights would be different.
    private func found(_ candidate: Candidate, passedOver: [Candidate]) throws -> Found {
        if let (key, kind) = candidate.unread.first {
            let others = candidate.unread.count > 1 ? " and \(candidate.unread.count - 1) others" : ""
            throw Fault(
                .unsupported,
                "holds '\(key.printable(limit: 80))'\(others) as a tensor of a kind that is not read (\(kind.printable(limit: 60)))",
                remedy: "save dense tensors of real numbers: {k: v.to_dense().float() for k, v in weights.items()}")
        }
        var result = Found(tensors: candidate.tensors, metadata: candidate.metadata)
        let others = passedOver.filter {
            $0.path != candidate.path && 2 * $0.count >= candidate.count
        }
        if !others.isEmpty {
            let what = candidate.isAverage ? "the averaged weights" : "the weights"
            result.notes.append("\(what) \(place(candidate)) are used, not those under \(list(others))")
        } else if candidate.isAverage {
            result.notes.append("the averaged weights \(place(candidate)) are used; there are no others")
        }
        return result
    }

    private func place(_ candidate: Candidate?) -> String {
        guard let candidate, !candidate.path.isEmpty else { return "at the top" }
        return "under '\(candidate.name.printable())'"
    }

    private func list(_ candidates: [Candidate]) -> String {
        let names = candidates.prefix(6).map { $0.path.isEmpty ? "the top" : "'\($0.name.printable())'" }
        return names.joined(separator: ", ") + (candidates.count > 6 ? " and \(candidates.count - 6) more" : "")
    }

    private func noWeights(_ root: PickleValue) -> Fault {
        switch root {
        case .foreign(let name): return wholeObject(name)
        case .tensor: return Fault(.unsupported, "holds a single tensor, not a dictionary of weights", remedy: "save a state_dict")
        case .dictionary(let index):
            let entries = heap.dictionaries[index].unique
            for entry in entries {
                if case .foreign(let name) = entry.value, Self.usualNames.contains(entry.key) { return wholeObject(name) }
            }
            let keys = entries.prefix(12).map { "\($0.key.printable(limit: 40))" }.joined(separator: ", ")
            let problem =
                if !entries.isEmpty {
                    "holds no weights: no tensors, only the keys \(keys)"
                } else if heap.dictionaries[index].hasOtherKeys {
                    "holds no weights: a dictionary whose keys are not text, where weights have names"
                } else {
                    "holds an empty dictionary, no weights"
                }
            return Fault(.unsupported, problem, remedy: "save model.state_dict(), alone or in a dictionary")
        default: return Fault(.unsupported, "holds no dictionary of weights", remedy: "save model.state_dict()")
        }
    }

    private func wholeObject(_ name: String) -> Fault {
        Fault(
            .unsupported, "holds a whole object (\(name.printable())), not a dictionary of weights",
            remedy: "save model.state_dict() instead of the model")
    }

    /// Visits each dictionary and list once, so that one that contains itself does no harm.
    private struct Walk {
        let heap: PickleHeap
        var candidates: [Candidate] = []
        private var dictionaries: Set<Int> = []
        private var sequences: Set<Int> = []

        init(heap: PickleHeap) { self.heap = heap }

        mutating func visit(_ value: PickleValue, path: [String], metadata: [String: MetadataValue]) {
            guard path.count <= StateDictionaryFinder.deepest else { return }
            switch value {
            case .dictionary(let index): visit(dictionary: index, path: path, metadata: metadata)
            case .sequence(let index):
                guard sequences.insert(index).inserted else { return }
                for (i, item) in heap.sequences[index].prefix(StateDictionaryFinder.longestList).enumerated() {
                    visit(item, path: path + ["\(i)"], metadata: metadata)
                }
            default: break
            }
        }

        private mutating func visit(dictionary index: Int, path: [String], metadata: [String: MetadataValue]) {
            guard dictionaries.insert(index).inserted else { return }
            let dictionary = heap.dictionaries[index]
            let entries = dictionary.unique
            var known = metadata
            known.merge(scalars(entries)) { $1 }
            let tensors = entries.compactMap { entry -> (key: String, tensor: Int)? in
                if case .tensor(let tensor) = entry.value { (entry.key, tensor) } else { nil }
            }
            let unread = entries.compactMap { entry -> (key: String, kind: String)? in
                if case .foreignTensor(let kind) = entry.value { (entry.key, kind) } else { nil }
            }
            if !tensors.isEmpty || !unread.isEmpty {
                var own = known
                for attribute in attributes(dictionary) { own.merge(scalars(heap.dictionaries[attribute].unique)) { $1 } }
                candidates.append(Candidate(path: path, tensors: tensors, unread: unread, metadata: own))
            }
            for entry in entries { visit(entry.value, path: path + [entry.key], metadata: known) }
        }

        /// The dictionaries in a dictionary's attribute `metadata`; see `PyTorchArchive.write`.
        private func attributes(_ dictionary: PickleDictionary) -> [Int] {
            dictionary.attributes.compactMap { state -> Int? in
                guard let entry = heap.dictionaries[state].unique.first(where: { $0.key == PickleWriter.metadataAttribute }),
                    case .dictionary(let index) = entry.value
                else { return nil }
                return index
            }
        }

        private func scalars(_ entries: [(key: String, value: PickleValue)]) -> [String: MetadataValue] {
            var result: [String: MetadataValue] = [:]
            for (key, value) in entries {
                switch value {
                case .bool(let value): result[key] = .bool(value)
                case .integer(let value): result[key] = .integer(value)
                case .number(let value): result[key] = .number(value)
                case .string(let value) where value.utf8.count <= PickleMachine.Limits.textBytes: result[key] = .string(value)
                default: break
                }
            }
            return result
        }
    }
}
