import Files
import Foundation
import Segmentation
import TensorFiles
import Yams

extension RunConfiguration {
    /// A larger file cannot be a configuration.
    static let largestFile = 1 << 20

    /// Reads a YAML file. Settings that it does not give are the published ones of its data set.
    ///
    /// Throws ``ConfigurationFileError`` with file and line for unknown keys, values of the wrong
    /// type, and values that make no sense. Settings that may still come from elsewhere (the data's
    /// path) are left to ``validate()``.
    /// `dataset` overrides the file's.
    public init(yamlFile url: URL, dataset: Dataset? = nil) throws {
        try self.init(yaml: Self.text(of: url), path: url.relativePath, dataset: dataset)
    }

    /// Reads YAML text; errors name `path`. See ``init(yamlFile:dataset:)``.
    public init(yaml text: String, path: String = "configuration", dataset: Dataset? = nil) throws(ConfigurationFileError) {
        guard text.utf8.count <= Self.largestFile else { throw Self.tooLarge(path) }
        let root = try Self.compose(text, path: path)
        try self.init(node: root, path: path, dataset: dataset)
        if let patch = data.patchSize, let size = root?["data"]?["image_size"].flatMap(Int.init(_:)), size != patch {
            throw ConfigurationFileError(
                path: path, line: Self.lines(of: root)["data.image_size"], key: "data.image_size",
                expected: "no other size than that of the patches (\(patch))", got: "\(size)")
        }
    }

    /// Reads an already parsed section; nil counts as empty.
    init(node root: Node?, path: String, dataset: Dataset? = nil) throws(ConfigurationFileError) {
        let named = root?["data"]?["dataset"].flatMap(Dataset.init(_:))
        self.init(dataset ?? named ?? .folder)
        var reader = try ConfigurationReader(root, path: path)
        try visit(&reader)
        try reader.finish()
        if let dataset { data.dataset = dataset }
        // Names give the number of classes. A single name is a mistake and reported as one.
        if let names = data.classNames, names.count > 1, reader.lines["data.class_names"] != nil, reader.lines["data.classes"] == nil {
            data.classes = names.count
        }
        for problem in problems {
            // Two settings may come later: data.path from the command line, the class count from
            // the set.
            guard let line = reader.lines[problem.key], problem.key != "data.path" else { continue }
            let givesClasses = ["data.classes", "data.class_names"].contains { reader.lines[$0] != nil }
            if problem.key == "loss.class_weights", data.dataset.layout.namesItsClasses, !givesClasses, hasUsableClassWeights { continue }
            throw ConfigurationFileError(path: path, line: line, key: problem.key, expected: problem.expected, got: problem.got)
        }
    }

    /// The keys that a YAML file gives, dotted from the root, each with its line. The values are
    /// not checked.
    public static func lines(inYAMLFile url: URL) throws -> [String: Int] {
        lines(of: try compose(try text(of: url), path: url.relativePath))
    }

    static func lines(of node: Node?, prefix: String = "") -> [String: Int] {
        guard case .mapping(let mapping) = node else { return [:] }
        return mapping.reduce(into: [:]) { lines, pair in
            guard let name = String(pair.key) else { return }
            lines[prefix + name] = pair.key.mark?.line ?? 0
            lines.merge(Self.lines(of: pair.value, prefix: prefix + name + ".")) { $1 }
        }
    }

    /// The whole configuration as YAML; reading it gives an equal configuration.
    public var yaml: String {
        get throws {
            var (copy, writer) = (self, ConfigurationWriter())
            try copy.visit(&writer)
            return try Yams.serialize(node: Node(writer.pairs), width: -1, allowUnicode: true)
        }
    }

    /// Writes the configuration to a file, whole or not at all. Throws ``/Files/FileError`` if it
    /// cannot.
    public func write(to url: URL) throws {
        try AtomicFile.write(Array(yaml.utf8), to: url)
    }

    static func text(of url: URL) throws(ConfigurationFileError) -> String {
        let path = url.relativePath
        func refused(_ expected: String, _ got: String) -> ConfigurationFileError {
            ConfigurationFileError(path: path, expected: expected, got: got)
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path)
        guard let attributes else { throw refused("a configuration file", "no readable file of that name") }
        guard attributes[.type] as? FileAttributeType == .typeRegular else { throw refused("a configuration file", "a folder or a device") }
        guard let file = try? FileHandle(forReadingFrom: url), let data = try? file.read(upToCount: largestFile + 1) ?? Data() else {
            throw refused("a configuration file", "a file that cannot be read; check its permissions")
        }
        guard data.count <= largestFile else { throw tooLarge(path) }
        guard let text = String(data: data, encoding: .utf8) else { throw refused("YAML in UTF-8", "other bytes") }
        return text
    }

    private static func tooLarge(_ path: String) -> ConfigurationFileError {
        ConfigurationFileError(path: path, expected: "a configuration of at most \(largestFile) bytes", got: "a larger file")
    }

    static func compose(_ text: String, path: String) throws(ConfigurationFileError) -> Node? {
        if let line = Aliases.line(of: text) {
            throw ConfigurationFileError(
                path: path, line: line, expected: "at most \(Aliases.allowed) aliases (*name)", got: "more",
                remedy: "write the values out where they are needed")
        }
        if let line = CompoundKeys.line(of: text) {
            throw ConfigurationFileError(
                path: path, line: line, expected: "names as keys", got: "a list, a mapping or an alias as a key",
                remedy: "put it behind a name and a colon, or in quotes if it is text")
        }
        do {
            return try Yams.compose(yaml: text)
        } catch {
            let (line, reason) = Self.place(of: error)
            throw ConfigurationFileError(
                path: path, line: line, expected: "YAML", got: reason, remedy: "check indentation, colons and quotes")
        }
    }

    private static func place(of error: any Error) -> (line: Int?, reason: String) {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            (mark.line, problem)
        case .duplicatedKeysInMapping(let keys, let context): (context.mark.line, "the key \(keys.joined(separator: ", ")) twice")
        case .reader(let problem, _, _, _): (nil, problem)
        default: (nil, "text that cannot be parsed")
        }
    }
}

/// Nested aliases (`*name` for an earlier `&name`) make a small file exponentially large; a few do
/// no harm. They are counted before the parser expands them.
private enum Aliases {
    static let allowed = 8

    /// The line, from 1, of the first alias beyond the limit. Text and comments that look like an
    /// alias count as well, but only names with an anchor.
    static func line(of text: String) -> Int? {
        let anchors = Set(names(after: UInt8(ascii: "&"), in: text).map(\.name))
        if anchors.isEmpty { return nil }
        return names(after: UInt8(ascii: "*"), in: text).filter { anchors.contains($0.name) }.dropFirst(allowed).first?.line
    }

    /// Runs of the characters allowed in anchor names, directly after a sign, with their lines.
    private static func names(after sign: UInt8, in text: String) -> [(name: String, line: Int)] {
        var (found, line, name) = ([(name: String, line: Int)](), 1, nil as [UInt8]?)
        for byte in Array(text.utf8) + [0] {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                name?.append(byte)
            default:
                if let name, !name.isEmpty { found.append((String(decoding: name, as: UTF8.self), line)) }
                name = byte == sign ? [] : nil
            }
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
        return found
    }
}
