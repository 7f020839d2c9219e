import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A folder's `predictions.json`: an entry for each input, kept from run to run.
package struct PredictionFile: Sendable {
    /// The file's name in a folder of results.
    package static let name = "predictions.json"

    /// The entries, in the order of their addition.
    package private(set) var records: [PredictionRecord]
    private let url: URL
    /// The folder of the results.
    private let folder: URL
    private var places: [String: Int] = [:]

    /// A folder's file; empty if there is none. Throws ``DataError`` if a file of that name is not
    /// ours.
    ///
    /// - Parameter shard: a share of the inputs, which is listed in a file of its own,
    ///   `shards/2-of-8.json`.
    package init(in folder: URL, shard: Shard? = nil) throws(DataError) {
        self.folder = folder
        url = folder.appending(path: shard.map { "shards/\($0.index + 1)-of-\($0.count).json" } ?? Self.name)
        records = []
        guard FileManager.default.fileExists(atPath: url.path) else { return }
        guard let data = try? Data(contentsOf: url), let found = try? JSONDecoder().decode([PredictionRecord].self, from: data) else {
            throw DataError(
                .unreadable, path: url.relativePath, "exists already, and is not a list of predictions",
                remedy: "Move it away, or choose another --output.")
        }
        for record in found { add(record) }
    }

    /// Adds an entry, replacing an earlier one for the same input or the same files.
    package mutating func add(_ record: PredictionRecord) {
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

    /// The entry for an input with these weights and settings whose files all exist; nil if the
    /// work remains to be done.
    package func finished(_ input: String, weights: String, settings: PredictionRecord.Settings) -> PredictionRecord? {
        guard let record = entry(input, weights: weights, settings: settings), record.error == nil, !record.files.isEmpty else {
            return nil
        }
        return record.files.allSatisfy { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) } ? record : nil
    }

    /// The entry for an input, made with these weights and settings; nil if there is none.
    package func entry(_ input: String, weights: String, settings: PredictionRecord.Settings) -> PredictionRecord? {
        guard let record = places[input].map({ records[$0] }), record.weights == weights, record.settings == settings else { return nil }
        return record
    }

    /// The path of the mask that is listed for an input; nil if none is.
    package func mask(of input: String) -> String? {
        places[input].flatMap { records[$0].files.first }.map(path)
    }

    /// The paths of the results that are listed for other inputs than those at some places
    /// (``InputList/place(_:)``), as far as input and result still exist.
    package func files(exceptOf inputs: Set<String>) -> [String] {
        records.filter { record in
            let input = URL(filePath: record.input)
            return FileManager.default.fileExists(atPath: input.path) && !inputs.contains(InputList.place(input))
        }.flatMap(\.files).map(path).filter { FileManager.default.fileExists(atPath: $0) }
    }

    private func path(_ file: String) -> String { folder.appending(path: file).standardizedFileURL.path }

    /// Writes the file, whole or not at all.
    package func write() throws {
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        let text = try JSONText.encode(records) + "\n"
        try AtomicFile.write(to: url) { try $0.write(Array(text.utf8)) }
    }
}

/// JSON that is safe to print.
package enum JSONText {
    /// Indented, with sorted keys; characters that a terminal would act on are escaped.
    package static func encode(_ value: some Encodable) throws -> String {
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

    /// C1 controls, direction marks and tags; JSON itself escapes the C0 controls.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xE0000...0xE007F: true
        default: false
        }
    }
}
