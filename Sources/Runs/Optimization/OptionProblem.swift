/// An option of a ``Schedule`` or an ``OptimizerConfiguration`` whose value makes no sense.
public struct OptionProblem: Sendable, Equatable, CustomStringConvertible {
    /// The option's name in a configuration file.
    public let option: String
    /// The values that make sense.
    public let expected: String
    /// The value given.
    public let got: String

    init(_ option: String, expected: String, got: Any) {
        self.option = option
        self.expected = expected
        self.got = "\(got)"
    }

    /// Option, expected and given value.
    public var description: String { "\(option): expected \(expected), got \(got)" }
}

extension [OptionProblem] {
    /// Notes a problem unless the condition holds; comparisons with NaN never hold.
    mutating func require(_ holds: Bool, _ option: String, _ expected: String, _ got: Any) {
        if !holds { append(OptionProblem(option, expected: expected, got: got)) }
    }
}
