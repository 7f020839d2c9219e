import Segmentation
import Yams

/// Collects a section's fields, in order, as a YAML mapping.
struct ConfigurationWriter: ConfigurationFields {
    private let prefix: String
    private(set) var pairs: [(Node, Node)] = []
    /// Every key, dotted from the root.
    private(set) var keys: [String] = []

    init(prefix: String = "") { self.prefix = prefix }

    mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value) {
        pairs.append((Node(key), value.node))
        keys.append(prefix + key)
    }

    mutating func section(_ key: String, _ section: inout some ConfigurationSection) throws(ConfigurationFileError) {
        var writer = ConfigurationWriter(prefix: prefix + key + ".")
        try section.visit(&writer)
        pairs.append((Node(key), Node(writer.pairs)))
        keys += writer.keys
    }

    mutating func options(_ options: inout [String: OptionValue]) {
        for (key, var option) in options.sorted(by: { $0.key < $1.key }) { value(key, &option) }
    }

    func refuse(_ key: String, expected: String, got: String) {}
}
