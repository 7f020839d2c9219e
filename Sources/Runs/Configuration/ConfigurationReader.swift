import Segmentation
import Yams

/// Reads a section's fields from a YAML mapping. Fields that the file does not give keep their
/// values.
struct ConfigurationReader: ConfigurationFields {
    private struct Entry {
        let line: Int?
        let node: Node
    }

    private let path: String
    /// The section's key followed by a point; empty at the root.
    private let prefix: String
    private var entries: [String: Entry] = [:]
    private var known: [String] = []
    /// The lines of the values that the file gives, by their keys from the root.
    private(set) var lines: [String: Int] = [:]

    /// Throws ``ConfigurationFileError`` if the node is not a section.
    init(_ node: Node?, path: String, prefix: String = "") throws(ConfigurationFileError) {
        self.path = path
        self.prefix = prefix
        // A key without a value is an empty section, as an empty file is an empty configuration.
        guard let node, String?(node) != .some(nil) else { return }
        guard case .mapping(let mapping) = node else {
            throw ConfigurationFileError(
                path: path, line: node.mark?.line, key: String(prefix.dropLast()), expected: "a section of `key: value` lines",
                got: node.shown)
        }
        for (keyNode, value) in mapping {
            guard let key = String(keyNode) else {
                throw ConfigurationFileError(
                    path: path, line: keyNode.mark?.line, key: String(prefix.dropLast()), expected: "a name before the colon",
                    got: keyNode.shown)
            }
            // A value on its own line has its own mark; an empty one may have the next line's.
            entries[key] = Entry(line: (value.shown == "nothing" ? keyNode : value).mark?.line ?? keyNode.mark?.line, node: value)
            lines[prefix + key] = keyNode.mark?.line
        }
    }

    mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value) throws(ConfigurationFileError) {
        known.append(key)
        guard let entry = entries[key] else { return }
        guard let read = Value(entry.node) else {
            throw ConfigurationFileError(
                path: path, line: entry.line, key: prefix + key, expected: Value.expectation, got: entry.node.shown)
        }
        value = read
    }

    mutating func section(_ key: String, _ section: inout some ConfigurationSection) throws(ConfigurationFileError) {
        known.append(key)
        var reader = try ConfigurationReader(entries[key]?.node, path: path, prefix: prefix + key + ".")
        try section.visit(&reader)
        try reader.finish()
        lines.merge(reader.lines) { $1 }
    }

    mutating func options(_ options: inout [String: OptionValue]) throws(ConfigurationFileError) {
        for key in entries.keys.sorted() where !known.contains(key) {
            var option = OptionValue.flag(false)
            try value(key, &option)
            options[key] = option
        }
    }

    func refuse(_ key: String, expected: String, got: String) throws(ConfigurationFileError) {
        throw ConfigurationFileError(path: path, line: lines[prefix + key], key: prefix + key, expected: expected, got: got)
    }

    /// Throws for the first key that no field has read.
    func finish() throws(ConfigurationFileError) {
        let unknown = entries.keys.filter { !known.contains($0) }.min { (lines[prefix + $0] ?? 0, $0) < (lines[prefix + $1] ?? 0, $1) }
        guard let unknown else { return }
        throw ConfigurationFileError(
            path: path, line: lines[prefix + unknown], key: prefix + unknown, expected: "one of " + known.joined(separator: ", "),
            got: "an unknown key", remedy: Self.suggestion(unknown, known: known, prefix: prefix))
    }

    /// A similar key of this section, or the section in which this key exists.
    private static func suggestion(_ key: String, known: [String], prefix: String) -> String {
        if let near = EditDistance.nearest(to: key, among: known) { return "did you mean \(near)?" }
        if RunConfiguration.allKeys.contains(prefix + key) { return "that is an option of another `\(prefix)name`" }
        let elsewhere = RunConfiguration.allKeys.filter { $0.split(separator: ".").last.map(String.init) == key }
        return elsewhere.first.map { "did you mean \($0)?" } ?? ""
    }
}

/// The number of letters to change, insert or delete to turn one word into another.
enum EditDistance {
    static func between(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a), Array(b))
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let changed = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(changed, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }

    /// The most similar word if less than a third of it differs. Ignores case, hyphens and
    /// underscores.
    static func nearest(to word: String, among words: [String]) -> String? {
        func bare(_ word: String) -> String { word.lowercased().filter { $0 != "_" && $0 != "-" } }
        guard word.count <= 60 else { return nil }
        let best = words.map { ($0, between(bare(word), bare($0))) }.min { $0.1 < $1.1 }
        return best.flatMap { $0.1 * 3 < max(4, $0.0.count) ? $0.0 : nil }
    }
}
