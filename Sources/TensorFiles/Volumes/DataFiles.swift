import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files of data that a header of text names: a name, a list, or a pattern with a range.
///
/// They must be in the header's folder or below, so that a foreign header cannot name other files
/// of this machine.
enum DataFiles {
    /// The most files that a header may name.
    private static let most = 4096

    /// Files beside the header or below it. Throws for any other place.
    static func urls(_ names: [String], beside header: URL) throws -> [URL] {
        guard names.count <= most else { throw Fault(.limit, "names more than \(most) data files") }
        return try names.map { name in
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            guard !name.isEmpty, !name.hasPrefix("/"), !parts.contains(".."), !name.utf8.contains(0) else {
                throw Fault(
                    .unsupported, "names the data file '\(name.printable(limit: 80))', outside its own folder",
                    remedy: "put both into one folder, and the bare file name into the header")
            }
            return header.deletingLastPathComponent().appendingPathComponent(name)
        }
    }

    /// Expands a pattern, its first and last number and, optionally, a step into names:
    /// "slice%03d.raw 1 20 1".
    static func names(_ words: [String]) throws -> [String] {
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard let pattern = words.first.flatMap(NumberedName.init), (2...3).contains(numbers.count), numbers.count == words.count - 1,
            numbers.allSatisfy({ (-1 << 30...1 << 30).contains($0) }), numbers.count < 3 || numbers[2] != 0
        else {
            let text = words.joined(separator: " ").printable(limit: 60)
            throw Fault(.corrupt, "its header names its data files by '\(text)', which is not a pattern with a range")
        }
        // One more than the limit is enough to refuse.
        let range = stride(from: numbers[0], through: numbers[1], by: numbers.count == 3 ? numbers[2] : 1)
        return range.prefix(most + 1).map(pattern.name)
    }

    /// True for a pattern of names.
    static func isPattern(_ word: String) -> Bool { NumberedName(word) != nil }
}

/// A name with a printf number in it: `%d`, `%03d`.
private struct NumberedName {
    private let before: String, after: String
    private let width: Int
    private let fill: Character

    /// Nil for any other pattern.
    init?(_ pattern: String) {
        guard let percent = pattern.firstIndex(of: "%"), let end = pattern[percent...].firstIndex(where: { "diu".contains($0) }) else {
            return nil
        }
        let digits = pattern[pattern.index(after: percent)..<end]
        guard digits.allSatisfy({ "0123456789".contains($0) }), digits.count <= 3 else { return nil }
        before = String(pattern[..<percent])
        after = String(pattern[pattern.index(after: end)...])
        guard !after.contains("%") else { return nil }
        width = Int(digits) ?? 0
        fill = digits.hasPrefix("0") ? "0" : " "
    }

    func name(_ number: Int) -> String {
        let digits = String(number.magnitude), sign = number < 0 ? "-" : ""
        let padding = String(repeating: fill, count: max(0, width - digits.count - sign.count))
        return before + (fill == "0" ? sign + padding : padding + sign) + digits + after
    }
}
