import Files
import Foundation

/// What is wrong with a configuration file: the file, the line, the key, what was expected there and what was found.
public struct ConfigurationFileError: UserError, Equatable, LocalizedError {
    public let path: String
    /// Counted from 1; nil where the fault is of no one line.
    public let line: Int?
    /// Keys from the root, with points between ("optimizer.learning_rate"); empty where the fault is of no one key.
    public let key: String
    public let expected: String
    public let got: String
    /// What the user can do.
    public let remedy: String

    init(path: String, line: Int? = nil, key: String = "", expected: String, got: String, remedy: String = "") {
        self.path = path
        self.line = line
        self.key = key
        self.expected = expected
        self.got = got
        self.remedy = remedy
    }

    /// The file and the line.
    public var subject: String { path + (line.map { ":\($0)" } ?? "") }
    /// The key, what was expected and what was got.
    public var problem: String { (key.isEmpty ? "" : key + ": ") + "expected \(expected), got \(got)" }

    public var description: String {
        let place = path + (line.map { ":\($0)" } ?? "") + ": " + (key.isEmpty ? "" : key + ": ")
        return place + "expected \(expected), got \(got)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }

    public var errorDescription: String? { description }
}
