import Files

extension StateDictionary {
    /// Modules that PyTorch wraps around a network (compile, FSDP, checkpointing, DeepSpeed). Their
    /// names are not the network's.
    private static let wrappers: Set<Substring> = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"]

    /// The same tensors without the names of PyTorch's wrappers: `module.` at the start of a name
    /// (DataParallel, AveragedModel), `_orig_mod.` and its like anywhere. Nil if two names become
    /// equal.
    public func strippingWrapperNames() -> StateDictionary? {
        guard keys.contains(where: { $0.hasPrefix("module.") || $0.holds("_orig_mod.") || $0.holds("_module.") }) else { return self }
        var names: Set<String> = []
        var result = self
        result.removeAll()
        for (key, tensor) in self {
            var parts = key.split(separator: ".", omittingEmptySubsequences: false)
            let last = parts.removeLast()
            parts.removeAll { Self.wrappers.contains($0) }
            while parts.first == "module" { parts.removeFirst() }
            let name = (parts + [last]).joined(separator: ".")
            guard names.insert(name).inserted else { return nil }
            result[name] = tensor
        }
        return result
    }

    /// Removes the numbers that tools leave among the weights: thop's `total_ops` and
    /// `total_params` in every module, and AveragedModel's `n_averaged`. Adds a note to ``notes``.
    mutating func removeCounters() {
        func names(_ endings: [String]) -> [String] {
            keys.filter { key in
                guard endings.contains(where: { key == $0 || key.hasSuffix("." + $0) }) else { return false }
                return self[key]?.count == 1
            }
        }
        let operations = names(["total_ops", "total_params"])
        let averages = names(["n_averaged"])
        guard !operations.isEmpty || !averages.isEmpty else { return }
        let removed = Set(operations + averages)
        self = filter { !removed.contains($0) }
        if !operations.isEmpty {
            notes.append("\(operations.count) counters that thop left in the weights (total_ops, total_params) were removed")
        }
    }

    /// The clean-up of names that all readers of weights share.
    func underPlainNames() throws -> StateDictionary {
        var counted = self
        // First: on a wrapped network, thop leaves counters with and without the prefix.
        counted.removeCounters()
        guard let plain = counted.strippingWrapperNames() else {
            throw Fault(.corrupt, "has weights of the same name with and without the prefix 'module.'", remedy: "save one set of weights")
        }
        return plain
    }
}
