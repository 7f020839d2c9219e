/// A setting with an invalid value.
public struct InvalidSetting: Sendable, Equatable, CustomStringConvertible {
    /// The setting's key in a configuration, dotted from the root or from its section.
    public let key: String
    /// The valid values.
    public let expected: String
    /// The value given.
    public let got: String

    /// A setting that has the value `got` where `expected` names the valid ones.
    public init(_ key: String, expected: String, got: Any) {
        (self.key, self.expected, self.got) = (key, expected, "\(got)")
    }

    /// The same setting with its key from the root: `dropout` in `network` is `network.dropout`.
    package func inside(_ section: String) -> InvalidSetting {
        InvalidSetting(section + "." + key, expected: expected, got: got)
    }

    /// Key, expected and given value.
    public var description: String { "\(key): expected \(expected), got \(got)" }
}

extension [InvalidSetting] {
    /// Notes a setting unless the condition holds; comparisons with NaN never hold.
    package mutating func require(_ holds: Bool, _ key: String, _ expected: String, _ got: Any) {
        if !holds { append(InvalidSetting(key, expected: expected, got: got)) }
    }

    /// A line for each setting, safe to print.
    package var lines: String { map { $0.description.printable() }.joined(separator: "\n") }
}
