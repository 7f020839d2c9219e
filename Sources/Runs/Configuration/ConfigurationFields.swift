import Segmentation
import Yams

/// A section of a configuration. It lists its fields and their keys once, for reading and writing.
protocol ConfigurationSection {
    mutating func visit(_ fields: inout some ConfigurationFields) throws(ConfigurationFileError)
}

/// Visits the fields of a section: a reader changes them, a writer only reads them.
protocol ConfigurationFields {
    mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value) throws(ConfigurationFileError)
    mutating func section(_ key: String, _ section: inout some ConfigurationSection) throws(ConfigurationFileError)
    /// All keys that no field asked for, with values of any kind.
    mutating func options(_ options: inout [String: OptionValue]) throws(ConfigurationFileError)
    /// Rejects the value of a key that was visited before.
    func refuse(_ key: String, expected: String, got: String) throws(ConfigurationFileError)
}

/// A type that a field can have.
protocol ConfigurationValue {
    /// The kind of value, as messages name it after "expected".
    static var expectation: String { get }
    /// Nil unless the node has this type.
    init?(_ node: Node)
    var node: Node { get }
}

extension Node {
    /// The text of an unquoted scalar: numbers, truth values and null.
    fileprivate var plain: String? {
        guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return nil }
        return scalar.string
    }

    fileprivate var isNull: Bool { plain.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false }

    /// The value as messages show it, with as little of the file as helps.
    var shown: String {
        switch self {
        case .scalar(let scalar):
            if isNull { return "nothing" }
            let text = scalar.string.count > 60 ? scalar.string.prefix(60) + "…" : scalar.string
            return plain == nil ? "the text \"\(text)\"" : text
        case .sequence(let sequence): return "a list of \(sequence.count)"
        case .mapping: return "a section"
        case .alias: return "an alias"
        }
    }
}

extension Int: ConfigurationValue {
    static let expectation = "a whole number"
    init?(_ node: Node) {
        guard let text = node.plain, let value = Int(text) else { return nil }
        self = value
    }
    var node: Node { Node(String(self)) }
}

extension UInt64: ConfigurationValue {
    static let expectation = "a whole number of 0 or more"
    init?(_ node: Node) {
        guard let text = node.plain, let value = UInt64(text) else { return nil }
        self = value
    }
    var node: Node { Node(String(self)) }
}

extension Double: ConfigurationValue {
    static let expectation = "a number"
    init?(_ node: Node) {
        guard let text = node.plain, text.allSatisfy({ "0123456789+-.eE".contains($0) }), let value = Double(text), value.isFinite else {
            return nil
        }
        self = value
    }

    /// The shortest text that reads back as the same number. It always has a point: other YAML
    /// readers take 1e-05 for a word.
    var node: Node {
        let text = String(self)
        guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return Node(text) }
        return Node(text[..<exponent] + ".0" + text[exponent...])
    }
}

extension Bool: ConfigurationValue {
    static let expectation = "true or false"
    init?(_ node: Node) {
        switch node.plain?.lowercased() {
        case "true", "yes", "on": self = true
        case "false", "no", "off": self = false
        default: return nil
        }
    }
    var node: Node { Node(self ? "true" : "false") }
}

extension String: ConfigurationValue {
    static let expectation = "a text"
    init?(_ node: Node) {
        guard case .scalar(let scalar) = node, !node.isNull else { return nil }
        self = scalar.string
    }
    var node: Node { Node(self, .implicit, .doubleQuoted) }
}

extension OptionValue: ConfigurationValue {
    static let expectation = "a number, a text, true or false, or a list of whole numbers"
    init?(_ node: Node) {
        if let integer = Int(node) {
            self = .integer(integer)
        } else if let number = Double(node) {
            self = .number(number)
        } else if let flag = Bool(node) {
            self = .flag(flag)
        } else if let integers = [Int](node) {
            self = .integers(integers)
        } else if let text = String(node) {
            self = .text(text)
        } else {
            return nil
        }
    }
    var node: Node {
        switch self {
        case .flag(let flag): flag.node
        case .integer(let integer): integer.node
        case .number(let number): number.node
        case .text(let text): text.node
        case .integers(let integers): integers.node
        }
    }
}

extension Optional: ConfigurationValue where Wrapped: ConfigurationValue {
    static var expectation: String { Wrapped.expectation + ", or null" }
    init?(_ node: Node) {
        if node.isNull {
            self = nil
            return
        }
        guard let value = Wrapped(node) else { return nil }
        self = value
    }
    var node: Node { self?.node ?? Node("null") }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
    static var expectation: String { "a list, each \(Element.expectation)" }
    init?(_ node: Node) {
        guard case .sequence(let sequence) = node else { return nil }
        var values: [Element] = []
        for node in sequence {
            guard let value = Element(node) else { return nil }
            values.append(value)
        }
        self = values
    }
    var node: Node { .sequence(Node.Sequence(map(\.node), .implicit, .flow)) }
}

/// One of a few names.
protocol ConfigurationChoice: ConfigurationValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ConfigurationChoice {
    static var expectation: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }
    init?(_ node: Node) {
        guard let word = String(node) else { return nil }
        self.init(rawValue: word)
    }
    var node: Node { Node(rawValue) }
}
