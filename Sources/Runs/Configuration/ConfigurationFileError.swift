import Files
import Foundation

/// A fault in a configuration file: file, line, key, and the values expected and found.
public struct ConfigurationFileError: UserError, Equatable, LocalizedError {
    /// The file.
    public let path: String
    /// Counted from 1; nil if the fault has no single line.
    public let line: Int?
    /// Dotted from the root ("optimizer.learning_rate"); empty if the fault has no single key.
    public let key: String
    /// The form that the value must have.
    public let expected: String
    /// The value found.
    public let got: String
    /// The way to fix it.
    public let remedy: String

    init(path: String, line: Int? = nil, key: String = "", expected: String, got: String, remedy: String = "") {
        self.path = path
        self.line = line
        // Both may come from the file, which may nest keys or write values without end.
        self.key = key.printable(limit: 200)
        self.expected = expected
        self.got = got.printable(limit: 200)
        self.remedy = remedy
    }

    /// File and line.
    public var subject: String { path + (line.map { ":\($0)" } ?? "") }
    /// The key, and the values expected and found.
    public var problem: String { (key.isEmpty ? "" : key + ": ") + "expected \(expected), got \(got)" }

    /// File, line, key, problem and remedy.
    public var description: String {
        let place = path + (line.map { ":\($0)" } ?? "") + ": " + (key.isEmpty ? "" : key + ": ")
        return (place + "expected \(expected), got \(got)" + (remedy.isEmpty ? "" : "; \(remedy)")).printable()
    }

    /// The ``description``.
    public var errorDescription: String? { description }
}
