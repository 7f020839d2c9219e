import Foundation
import Segmentation
import Yams

extension AblationGrid {
    /// Reads a grid from YAML:
    ///
    /// ```yaml
    /// title: Drop path and size          # optional
    /// base:                              # a configuration as in config.yaml, or its path relative to this file
    ///   data: {path: data/isic17, dataset: isic17}
    ///   epochs: 50
    /// axes:
    ///   network.drop_path: [0.0, 0.2]    # a key and its values
    ///   architecture:                    # or any name, with named variants and their settings
    ///     asymmetric: {network.decoder_depths: [2, 2, 2, 1]}
    ///     symmetric: {network.decoder_depths: [2, 2, 2, 2]}
    /// ```
    ///
    /// Throws ``ConfigurationFileError`` with file and line. `change` may alter the base before the
    /// axes are applied; it receives the keys that the base gives. If it throws a
    /// ``RunConfigurationError`` about a setting from the file, the error names the file.
    public init(yamlFile url: URL, change: (inout RunConfiguration, _ given: Set<String>) throws -> Void = { _, _ in }) throws {
        let path = url.relativePath
        func refused(_ node: Node?, _ key: String, _ expected: String) -> ConfigurationFileError {
            ConfigurationFileError(path: path, line: node?.mark?.line, key: key, expected: expected, got: node?.shown ?? "nothing")
        }
        let root = try RunConfiguration.compose(try RunConfiguration.text(of: url), path: path)
        guard case .mapping(let sections)? = root else { throw refused(root, "", "a grid with the sections base and axes") }
        for (key, _) in sections {
            guard let name = String(key), ["title", "base", "axes"].contains(name) else {
                throw refused(key, String(key) ?? "", "one of title, base, axes")
            }
        }
        var title = url.deletingPathExtension().lastPathComponent
        if let node = sections["title"] {
            guard let text = String(node) else { throw refused(node, "title", String.expectation) }
            title = text
        }
        var (base, given, source): (RunConfiguration, [String: Int], String)
        switch sections["base"] {
        case .scalar?:
            guard let file = sections["base"].flatMap(String.init(_:)) else { throw refused(sections["base"], "base", "a configuration") }
            let baseURL = URL(filePath: file, relativeTo: url.deletingLastPathComponent())
            // Names the grid, which holds the path: a path that leads nowhere may be of any length.
            guard FileManager.default.fileExists(atPath: baseURL.path) else {
                throw ConfigurationFileError(
                    path: path, line: sections["base"]?.mark?.line, key: "base", expected: "a configuration or the path of its file",
                    got: "a path without a file: \(file)")
            }
            (base, given, source) = (
                try RunConfiguration(yamlFile: baseURL), try RunConfiguration.lines(inYAMLFile: baseURL), baseURL.relativePath
            )
        case let node:
            (base, given, source) = (try RunConfiguration(node: node, path: path), RunConfiguration.lines(of: node), path)
        }
        do { try change(&base, Set(given.keys)) } catch let error as RunConfigurationError {
            throw error.fault(of: source, lines: given) ?? error
        }
        guard case .mapping(let mapping)? = sections["axes"], !mapping.isEmpty else {
            throw refused(sections["axes"], "axes", "keys with lists of values, or names with variants")
        }
        var axes: [Axis] = []
        for (key, node) in mapping {
            guard let name = String(key) else { throw refused(key, "axes", "a name before the colon") }
            var axis = try Self.axis(name, node) { refused($0, "axes." + name, $1) }
            axis.line = key.mark?.line
            axes.append(axis)
        }
        try self.init(title: title, base: base, axes: axes, path: path)
    }

    private static func axis(_ name: String, _ node: Node, refused: (Node, String) -> ConfigurationFileError) throws(ConfigurationFileError)
        -> Axis
    {
        func text(_ node: Node) throws(ConfigurationFileError) -> String {
            guard let text = try? Yams.serialize(node: node, width: -1, allowUnicode: true) else { throw refused(node, "a value") }
            return text
        }
        switch node {
        case .sequence(let values):
            var variants: [Variant] = []
            let labels = values.map(label)
            for (value, label) in zip(values, labels) {
                // Files of the same name are distinguished by their folders.
                let isShared = labels.count { $0 == label } > 1
                variants.append(Variant(isShared ? value.scalar?.string ?? label : label, [Setting(name, try text(value))]))
            }
            return Axis(name, variants)
        case .mapping(let named):
            var variants: [Variant] = []
            for (key, node) in named {
                guard let label = String(key), case .mapping(let changes) = node else {
                    throw refused(node, "named variants, each a section of keys and values")
                }
                var settings: [Setting] = []
                for (key, value) in changes {
                    guard let key = String(key) else { throw refused(key, "a configuration's key") }
                    settings.append(Setting(key, try text(value)))
                }
                variants.append(Variant(label, settings))
            }
            return Axis(name, variants)
        default: throw refused(node, "a list of values, or named variants")
        }
    }

    /// A value's label in tables: numbers with commas between, files by name, "–" for none.
    private static func label(of node: Node) -> String {
        switch node {
        case .scalar(let scalar):
            if String?(node) == .some(nil) { return PaperTable.nothing }
            return scalar.string.contains("/") ? (scalar.string as NSString).lastPathComponent : scalar.string
        case .sequence(let sequence): return sequence.map(label).joined(separator: ",")
        default: return node.shown
        }
    }
}
