import Yams

extension RunConfiguration {
    /// The first three settings that differ, by the keys of YAML, such as "epochs: 2, not 3"; nil if
    /// the configurations are equal.
    public func difference(from other: RunConfiguration) throws -> String? {
        if self == other { return nil }
        let (mine, others) = (try settings(), try other.settings())
        // By key, not by line: a section of one may have settings that the other's has not.
        let keys = mine.keys + others.keys.filter { mine.values[$0] == nil }
        let differing = keys.filter { mine.values[$0] != others.values[$0] }
        let shown = differing.prefix(3).map { "\($0): \(mine.values[$0] ?? "not set"), not \(others.values[$0] ?? "unset")" }
        let more = differing.count > 3 ? ["\(differing.count - 3) more"] : []
        return shown.isEmpty ? "other settings" : (shown + more).joined(separator: "; ")
    }

    /// Every setting's text by its key, dotted from the root, and the keys in the file's order.
    private func settings() throws -> (keys: [String], values: [String: String]) {
        var (copy, writer) = (self, ConfigurationWriter())
        try copy.visit(&writer)
        var (keys, values): ([String], [String: String]) = ([], [:])
        func gather(_ node: Node, _ key: String) {
            guard case .mapping(let mapping) = node, !mapping.isEmpty else {
                keys.append(key)
                values[key] = Self.text(of: node)
                return
            }
            for (name, value) in mapping { gather(value, (key.isEmpty ? "" : key + ".") + (name.string ?? "")) }
        }
        gather(Node(writer.pairs), "")
        return (keys, values)
    }

    private static func text(of node: Node) -> String {
        switch node {
        case .sequence(let items): "[" + items.map(text).joined(separator: ", ") + "]"
        case .mapping(let mapping): "{" + mapping.map { "\($0.key.string ?? ""): \(text(of: $0.value))" }.joined(separator: ", ") + "}"
        default: node.string ?? "null"
        }
    }
}
