import Files
import Segmentation

/// Reads a kind's settings while its network is built: the given value or a default. Collects
/// invalid ones.
///
/// Each setting is read once. ``finish()`` then returns all of them, defaults included, for a run's
/// `config.yaml`.
struct NetworkOptions {
    private let given: [String: OptionValue]
    private var complete: [String: OptionValue] = [:]
    private var problems: [InvalidSetting] = []

    init(_ given: [String: OptionValue]) { self.given = given }

    /// A whole number.
    mutating func integer(_ key: String, _ standard: Int, in range: ClosedRange<Int>) -> Int {
        value(key, standard, expected: "\(range.lowerBound) to \(range.upperBound)", OptionValue.integer) { given in
            guard case .integer(let number) = given, range.contains(number) else { return nil }
            return number
        }
    }

    /// Whole numbers, `count` of them.
    mutating func integers(_ key: String, _ standard: [Int], in range: ClosedRange<Int>) -> [Int] {
        value(
            key, standard, expected: "\(standard.count) numbers of \(range.lowerBound) to \(range.upperBound)", OptionValue.integers
        ) { given in
            guard case .integers(let numbers) = given, numbers.count == standard.count else { return nil }
            return numbers.allSatisfy(range.contains) ? numbers : nil
        }
    }

    /// A number.
    mutating func number(_ key: String, _ standard: Double, in range: Range<Double>) -> Double {
        value(key, standard, expected: "at least \(range.lowerBound), less than \(range.upperBound)", OptionValue.number) { given in
            switch given {
            case .number(let number) where range.contains(number): number
            case .integer(let number) where range.contains(Double(number)): Double(number)
            default: nil
            }
        }
    }

    /// True or false.
    mutating func flag(_ key: String, _ standard: Bool) -> Bool {
        value(key, standard, expected: "true or false", OptionValue.flag) { given in
            guard case .flag(let flag) = given else { return nil }
            return flag
        }
    }

    /// One of a few words.
    mutating func choice<Choice>(_ key: String, _ standard: Choice) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return value(key, standard, expected: "one of \(words)", { .text($0.rawValue) }) { Choice(rawValue: $0.description) }
    }

    private mutating func value<Value>(
        _ key: String, _ standard: Value, expected: String, _ box: (Value) -> OptionValue, _ read: (OptionValue) -> Value?
    ) -> Value {
        var value = standard
        if let given = given[key] {
            if let usable = read(given) {
                value = usable
            } else {
                problems.append(.init(key, expected: expected, got: "\(given.description.prefix(60))"))
            }
        }
        complete[key] = box(value)
        return value
    }

    /// Every setting, defaults included. Throws if one is invalid or was never read.
    func finish() throws(NetworkSettingsError) -> [String: OptionValue] {
        let known = complete.keys.sorted().joined(separator: ", ")
        let unknown = given.keys.filter { complete[$0] == nil }.sorted()
        let all =
            problems + unknown.map { .init($0, expected: known.isEmpty ? "no settings" : "one of \(known)", got: "an unknown key") }
        if !all.isEmpty { throw NetworkSettingsError(problems: all) }
        return complete
    }
}
