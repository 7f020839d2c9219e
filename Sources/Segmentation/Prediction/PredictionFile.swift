import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `predictions.json` of a folder: one entry an input, kept from run to run.
public struct PredictionFile: Sendable {
    /// The name of the file in a folder of results.
    public static let name = "predictions.json"

    /// The entries, in the order in which they came.
    public private(set) var records: [PredictionRecord]
    private let url: URL
    private var places: [String: Int] = [:]

    /// The file of a folder; empty where there is none. Throws ``DataError`` for a file of that name that is none of ours.
    public init(in folder: URL) throws(DataError) {
        url = folder.appending(path: Self.name)
        records = []
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        guard let data = try? Data(contentsOf: url), let found = try? JSONDecoder().decode([PredictionRecord].self, from: data) else {
            throw DataError(
                .unreadable, path: url.relativePath, "is there already, and is no list of predictions",
                remedy: "Move it away, or choose another --output.")
        }
        for record in found { add(record) }
    }

    /// Adds an entry, in the place of an earlier one about the same input or the same files.
    public mutating func add(_ record: PredictionRecord) {
        if let place = places[record.input] {
            records[place] = record
        } else {
            places[record.input] = records.count
            records.append(record)
        }
        guard !record.files.isEmpty else { return }
        let files = Set(record.files)
        let replaced = records.contains { $0.input != record.input && !files.isDisjoint(with: $0.files) }
        guard replaced else { return }
        records.removeAll { $0.input != record.input && !files.isDisjoint(with: $0.files) }
        places = Dictionary(records.enumerated().map { ($1.input, $0) }) { $1 }
    }

    /// The files that were made from an input by these weights with these settings and are all there; nil where it is to be done.
    public func finished(_ input: String, weights: String, settings: PredictionRecord.Settings) -> PredictionRecord? {
        guard let record = places[input].map({ records[$0] }), record.error == nil, !record.files.isEmpty, record.weights == weights,
            record.settings == settings
        else { return nil }
        let folder = url.deletingLastPathComponent()
        return record.files.allSatisfy { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) } ? record : nil
    }

    /// Writes the file whole or not at all.
    public func write() throws {
        let text = try JSONText.encode(records) + "\n"
        try AtomicFile.write(to: url) { try $0.write(Array(text.utf8)) }
    }
}

/// JSON that is safe to print.
public enum JSONText {
    /// Indented, keys in order; characters that a terminal would act on are escaped.
    public static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        guard text.unicodeScalars.contains(where: needsEscape) else { return text }
        var safe = ""
        for scalar in text.unicodeScalars {
            guard needsEscape(scalar) else {
                safe.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                safe += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return safe
    }

    /// C1 controls, marks that turn the direction of writing, and tags; JSON itself escapes the C0 ones.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xE0000...0xE007F: true
        default: false
        }
    }
}
