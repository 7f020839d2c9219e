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
    /// The key of the entry that listed each file last.
    private var owners: [String: String] = [:]

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
        guard FileManager.default.isReadableFile(atPath: url.path) else {
            throw DataError(
                .unreadable, path: url.relativePath, "may not be read", remedy: "Change its permissions, or choose another --output.")
        }
        guard let data = try? Data(contentsOf: url), let found = try? JSONDecoder().decode([PredictionRecord].self, from: data) else {
            // A share's own table is made again.
            if shard != nil { return }
            throw DataError(
                .unreadable, path: url.relativePath, "exists already, and is not a list of predictions",
                remedy: "Move it away, or choose another --output.")
        }
        for record in found { add(record) }
    }

    /// Adds an entry, replacing an earlier one for the same input or the same files.
    /// Its files that are not replaced stay listed as ``PredictionRecord/earlierFiles``.
    package mutating func add(_ record: PredictionRecord) {
        let key = Self.key(record)
        var record = record
        if let place = places[key] {
            let left = records[place].all.filter { !record.files.contains($0) && FileManager.default.fileExists(atPath: path($0)) }
            record.earlierFiles = left.isEmpty ? nil : left
            records[place] = record
        } else {
            places[key] = records.count
            records.append(record)
        }
        var displaced: Set<String> = []
        for file in record.files {
            if let owner = owners.updateValue(key, forKey: file), owner != key, let place = places[owner],
                records[place].files.contains(file)
            {
                displaced.insert(owner)
            }
        }
        for file in record.earlierFiles ?? [] where owners[file] == nil { owners[file] = key }
        if !displaced.isEmpty { remove { displaced.contains(Self.key($0)) } }
    }

    /// Removes the entries of inputs at some places whose turn has not come.
    package mutating func removeUnfinished(_ some: Set<String>) {
        remove { $0.error == PredictionRecord.unfinished && some.contains(Self.key($0)) }
    }

    private mutating func remove(_ isUnwanted: (PredictionRecord) -> Bool) {
        records.removeAll(where: isUnwanted)
        places = Dictionary(records.enumerated().map { (Self.key($1), $0) }) { $1 }
    }

    /// An entry of an earlier version knows its input by its path as typed, which no input equals.
    private static func key(_ record: PredictionRecord) -> String { record.source?.place ?? "typed: \(record.input)" }

    /// The entry for an input as it is now, with these weights and settings, whose files all exist;
    /// nil if the work remains to be done.
    package func finished(_ input: InputIdentity, weights: String, settings: PredictionRecord.Settings) -> PredictionRecord? {
        guard let record = places[input.place].map({ records[$0] }), record.source == input, record.weights == weights,
            record.settings == settings, record.error == nil, !record.files.isEmpty
        else { return nil }
        return record.files.allSatisfy { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) } ? record : nil
    }

    /// True if a result is listed for an input that has changed since.
    package func hasChanged(_ input: InputIdentity) -> Bool {
        guard let record = places[input.place].map({ records[$0] }), !record.files.isEmpty, record.error == nil else { return false }
        return record.source != input
    }

    /// True if a path is a result's, now or earlier, that is listed for the input at a place.
    package func lists(_ result: String, ofPlace place: String) -> Bool {
        guard let record = places[place].map({ records[$0] }) else { return false }
        return record.all.contains { path($0) == result && owners[$0] == Self.key(record) }
    }

    /// The path of the mask that is listed for the input at a place; nil if none is.
    package func mask(ofPlace place: String) -> String? {
        places[place].flatMap { records[$0].files.first }.map(path)
    }

    /// The paths of the results that are listed for inputs at other places, as far as they exist.
    package func files(exceptOfPlaces some: Set<String>) -> [String] {
        records.filter { !some.contains(Self.key($0)) }.flatMap(\.all).map(path).filter { FileManager.default.fileExists(atPath: $0) }
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
