import Foundation
import Segmentation
import Yams

/// A grid of training runs: a base configuration, and axes of settings. Every combination is a run
/// (Tables III–VI).
public struct AblationGrid: Sendable, Equatable {
    /// One setting of a configuration: its dotted key from the root, as in `config.yaml`, and its
    /// value as YAML.
    public struct Setting: Sendable, Equatable {
        /// The key from the root: `network.drop_path`.
        public let key: String
        /// The value, as YAML.
        public let value: String

        /// A key and its value.
        public init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// One value of an axis: its label in tables, and its settings.
    public struct Variant: Sendable, Equatable {
        /// The name in tables.
        public let label: String
        /// The settings that make the variant.
        public let settings: [Setting]

        /// A label and its settings.
        public init(_ label: String, _ settings: [Setting]) {
            self.label = label
            self.settings = settings
        }
    }

    /// A varied setting.
    public struct Axis: Sendable, Equatable {
        /// The name in tables.
        public let name: String
        /// The values, in the tables' order.
        public let variants: [Variant]
        /// Its first line in the grid's file.
        var line: Int?

        /// A name and its variants.
        public init(_ name: String, _ variants: [Variant]) {
            self.name = name
            self.variants = variants
        }
    }

    /// One run of the grid.
    public struct Cell: Sendable, Equatable {
        /// The name of its run's folder.
        public let name: String
        /// The variant of each axis.
        public let labels: [String]
        /// The cell's settings.
        public let configuration: RunConfiguration
    }

    /// The title of the tables.
    public let title: String
    /// The varied settings.
    public let axes: [Axis]
    /// The settings that all cells share.
    public let base: RunConfiguration
    /// Every combination, the last axis varying fastest.
    public let cells: [Cell]
    /// The paper's table that the grid repeats, if it does.
    public let table: PaperTable?

    /// A grid with more runs is surely a mistake.
    static let mostCells = 4096

    /// Builds every cell. Throws ``ConfigurationFileError``, naming `path`, for a setting that does
    /// not exist or makes no sense in the base, for two cells with equal settings, and for more
    /// than 4096 cells.
    public init(
        title: String, base: RunConfiguration, axes: [Axis], table: PaperTable? = nil, path: String = "ablation"
    ) throws(ConfigurationFileError) {
        (self.title, self.base, self.axes, self.table) = (title, base, axes, table)
        var combinations: [[Variant]] = [[]]
        for axis in axes {
            guard !axis.variants.isEmpty else {
                throw ConfigurationFileError(
                    path: path, line: axis.line, key: "axes." + axis.name, expected: "at least one value", got: "none")
            }
            guard combinations.count * axis.variants.count <= Self.mostCells else {
                throw ConfigurationFileError(
                    path: path, line: axis.line, key: "axes." + axis.name, expected: "at most \(Self.mostCells) runs", got: "more",
                    remedy: "leave out values or axes")
            }
            combinations = combinations.flatMap { chosen in axis.variants.map { chosen + [$0] } }
        }
        var cells: [Cell] = []
        var names: Set<String> = []
        for chosen in combinations {
            let configuration: RunConfiguration
            do throws(ConfigurationFileError) {
                configuration = try base.setting(chosen.flatMap(\.settings), path: path)
            } catch {
                let axis = axes.first {
                    $0.variants.contains { $0.settings.contains { error.key == $0.key || error.key.hasPrefix($0.key + ".") } }
                }
                throw ConfigurationFileError(
                    path: path, line: axis?.line, key: error.key, expected: error.expected, got: error.got, remedy: error.remedy)
            }
            if let twin = cells.first(where: { $0.configuration == configuration }) {
                throw ConfigurationFileError(
                    path: path, expected: "different settings for every run",
                    got: "the same settings for \(twin.labels) and \(chosen.map(\.label))",
                    remedy: "leave one out")
            }
            var name = zip(axes, chosen).map { Self.fileName($0.name.split(separator: ".").last ?? "") + "-" + Self.fileName($1.label) }
                .joined(separator: "_")
            if name.isEmpty { name = "base" }
            let plain = name
            var number = 2
            // File systems may ignore case.
            while !names.insert(name.lowercased()).inserted {
                name = "\(plain)-\(number)"
                number += 1
            }
            cells.append(Cell(name: name, labels: chosen.map(\.label), configuration: configuration))
        }
        self.cells = cells
    }

    /// The text without characters that trouble file systems or shells.
    private static func fileName(_ text: some StringProtocol) -> String {
        let kept = text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "_" }
        let name = String(kept).split(separator: "_").joined(separator: "_")
        return name.isEmpty ? "none" : String(name.prefix(60))
    }
}

extension RunConfiguration {
    /// This configuration with some settings changed; errors name `path`.
    ///
    /// Changing `network.name`, `network.preset`, `optimizer.name` or `schedule.name` also takes
    /// the new one's own settings, except the drop path rate and the learning rate. Throws
    /// ``ConfigurationFileError`` for an unknown key or a value that does not fit.
    func setting(_ settings: [AblationGrid.Setting], path: String) throws(ConfigurationFileError) -> RunConfiguration {
        let text: String
        do { text = try yaml } catch {
            throw ConfigurationFileError(path: path, expected: "a configuration that can be written as YAML", got: "\(error)")
        }
        guard var root = try Self.compose(text, path: path) else { return self }
        for setting in settings {
            let keys = setting.key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard let value = try Self.compose(setting.value, path: path) ?? Node?.some(Node("null")) else { continue }
            if ["network.name", "network.preset", "optimizer.name", "schedule.name"].contains(setting.key) {
                if setting.key == "network.preset" {
                    for other in ["dims", "depths", "decoder_depths", "state_size"] { root.set(["network", other], nil) }
                } else {
                    let rate = keys[0] == "optimizer" ? root["optimizer"]?["learning_rate"] : nil
                    root.set([keys[0]], .mapping(Node.Mapping([])))
                    rate.map { root.set(["optimizer", "learning_rate"], $0) }
                }
            }
            root.set(keys[...], value)
        }
        let changed = try RunConfiguration(node: root, path: path)
        if let problem = changed.problems.first(where: { !$0.key.hasPrefix("data.path") }) {
            throw ConfigurationFileError(path: path, key: problem.key, expected: problem.expected, got: problem.got)
        }
        return changed
    }
}

extension Node {
    /// Sets a value under a path of keys, adding sections as needed; nil removes it.
    fileprivate mutating func set(_ keys: ArraySlice<String>, _ value: Node?) {
        guard let first = keys.first else { return }
        var mapping = Node.Mapping([])
        if case .mapping(let own) = self { mapping = own }
        if keys.count == 1 {
            mapping[first] = value
        } else {
            var section = mapping[first] ?? .mapping(Node.Mapping([]))
            section.set(keys.dropFirst(), value)
            mapping[first] = section
        }
        self = .mapping(mapping)
    }
}
