import Foundation

/// The names of classes as one text, as weights carry them.
enum ClassNames {
    /// The names with commas between; a JSON list where a name has a comma of its own.
    static func text(_ names: [String]) -> String {
        let isPlain = !names.contains { $0.contains(",") } && names.first?.hasPrefix("[") != true
        guard !isPlain, let list = try? JSONEncoder().encode(names) else { return names.joined(separator: ",") }
        return String(decoding: list, as: UTF8.self)
    }

    /// The names that a text gives.
    static func names(_ text: String) -> [String] {
        if text.hasPrefix("["), let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) { return list }
        return text.split(separator: ",").map(String.init)
    }
}
