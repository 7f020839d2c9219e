#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Class names as one text, for weights' metadata.
enum ClassNames {
    /// The names separated by commas, or a JSON list if a name contains a comma.
    static func text(_ names: [String]) -> String {
        let isPlain = !names.contains { $0.contains(",") } && names.first?.hasPrefix("[") != true
        guard !isPlain, let list = try? JSONEncoder().encode(names) else { return names.joined(separator: ",") }
        return String(decoding: list, as: UTF8.self)
    }

    /// The names in a text.
    static func names(_ text: String) -> [String] {
        if text.hasPrefix("["), let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) { return list }
        return text.split(separator: ",").map(String.init)
    }
}
