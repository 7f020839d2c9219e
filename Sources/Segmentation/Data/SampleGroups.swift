import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Samples that belong together, as pictures of one patient or lesion do: they are never divided
/// between training and validation.
enum SampleGroups {
    /// Each sample's group as the settings give it; without groups, its own name.
    ///
    /// Throws ``DataError`` for a table that cannot be read or lacks a sample of `names`, and for a
    /// pattern that is no regular expression or finds nothing in a name.
    static func of(_ names: [String], _ settings: DataSettings) throws(DataError) -> [String] {
        if let file = settings.groups { return try entries(in: file, column: settings.groupColumn, names) }
        if let pattern = settings.groupPattern { return try matches(pattern, names) }
        return names
    }

    private static func entries(in file: String, column: String?, _ names: [String]) throws(DataError) -> [String] {
        let groups = try GroupTable(URL(filePath: file), column: column, names: Set(names)).groups
        let missing = names.filter { groups[$0] == nil }
        guard missing.isEmpty else {
            throw DataError(
                .unpaired, path: file, problems: missing.map { "\($0.prefix(80)) is in the set, but not in this table" },
                remedy: "Give every picture a line: its name, and what it belongs to.")
        }
        return names.map { groups[$0] ?? $0 }
    }

    /// The part of each name that the pattern's first parentheses find, or else all that it finds.
    private static func matches(_ text: String, _ names: [String]) throws(DataError) -> [String] {
        guard let pattern = try? Regex(text) else {
            throw DataError(
                .unreadable, path: "data.group_pattern", "is no regular expression",
                remedy: #"Write one that finds a patient in a file's name, such as "^([^_]+)_"."#)
        }
        var (groups, missing) = ([String](), [String]())
        for name in names {
            guard let match = try? pattern.firstMatch(in: name) else {
                missing.append(name)
                continue
            }
            let captured = match.output.count > 1 ? match.output[1].substring : nil
            groups.append(String(captured ?? name[match.range]))
        }
        guard missing.isEmpty else {
            throw DataError(
                .unpaired, path: "data.group_pattern", problems: missing.map { "finds nothing in \($0.prefix(80))" },
                remedy: "Write a pattern that finds a group in every name.")
        }
        return groups
    }
}

extension DataSettings {
    /// True if samples are grouped.
    var hasGroups: Bool { groups != nil || groupPattern != nil }
}

/// A table of samples and their groups: lines of fields between commas, semicolons or tabs, quoted
/// or not, with or without a heading.
package struct GroupTable {
    /// Each sample's group.
    package private(set) var groups: [String: String] = [:]

    /// Names come from the column that has most of `names`, with or without a file's ending; groups
    /// from the column with the heading `column`, or from the only other one.
    ///
    /// Throws ``DataError`` if there is no such file or column, or a sample has two groups.
    package init(_ file: URL, column: String?, names: Set<String>) throws(DataError) {
        func refused(_ problem: String, _ remedy: String) -> DataError {
            DataError(.unreadable, path: file.relativePath, problem, remedy: remedy)
        }
        guard let text = SynapseLayout.text(of: file) else {
            guard FileManager.default.fileExists(atPath: file.path) else { throw refused("there is no such file", "Check the path.") }
            throw refused("is not a readable table in UTF-8 of at most 16 MiB", "Name a CSV file with pictures and what they belong to.")
        }
        guard text.utf8.count(where: Self.divides) <= Self.mostFields else {
            throw refused("has more than \(Self.mostFields) fields", "Leave the pictures' names and what they belong to.")
        }
        let rows = Self.rows(text)
        let width = rows.map(\.count).max() ?? 0
        func known(_ field: String) -> String? {
            [field, FolderListing.stem(field)].first(where: names.contains)
        }
        var hits = [Int](repeating: 0, count: width)
        for row in rows {
            for (column, field) in row.enumerated() where known(field) != nil { hits[column] += 1 }
        }
        guard let nameColumn = hits.indices.max(by: { (hits[$0], $1) < (hits[$1], $0) }), hits[nameColumn] > 0 else {
            throw refused("no column holds the pictures' names", "One column must have them, with or without an ending such as .jpg.")
        }
        let heading = rows.first.flatMap { known($0[min(nameColumn, $0.count - 1)]) == nil ? $0 : nil }
        let others = (0..<width).filter { $0 != nameColumn }
        let groupColumn: Int
        if let column {
            guard let heading, let found = heading.firstIndex(of: column) else {
                let there = heading?.prefix(20).map { $0.printable(limit: 40) }.joined(separator: ", ") ?? "there is no heading"
                throw refused(
                    "has no column \(column.printable(limit: 40)): \(there)", "Name a column of the first line with --group-column.")
            }
            guard heading[(found + 1)...].firstIndex(of: column) == nil else {
                throw refused("has two columns \(column.printable(limit: 40))", "Rename one of them.")
            }
            groupColumn = found
        } else {
            guard others.count == 1 else {
                throw refused(
                    others.isEmpty ? "has one column" : "has \(others.count) columns beside the pictures' names",
                    others.isEmpty ? "Add what each picture belongs to." : "Choose one by its heading with --group-column.")
            }
            groupColumn = others[0]
        }
        for row in rows.dropFirst(heading == nil ? 0 : 1) where max(nameColumn, groupColumn) < row.count {
            guard let name = known(row[nameColumn]) else { continue }
            let group = row[groupColumn]
            guard !group.isEmpty else { throw refused("\(name.prefix(80)) has an empty group", "Give every picture a group.") }
            if let other = groups.updateValue(group, forKey: name), other != group {
                throw refused("\(name.prefix(80)) is in two groups", "Give every picture one group.")
            }
        }
    }

    /// The most fields and lines, because each takes far more memory than its few bytes.
    private static let mostFields = 2_000_000

    private static func divides(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ";"), 9, 10, 13: true
        default: false
        }
    }

    /// The fields of each line that has some. A quoted field may hold separators, line ends and,
    /// doubled, quotes.
    static func rows(_ text: String) -> [[String]] {
        let first = text.prefix { !$0.isNewline }
        let separator: Character = [",", "\t", ";"].max { a, b in first.count { $0 == a } < first.count { $0 == b } } ?? ","
        var (rows, row, field, isQuoted) = ([[String]](), [String](), "", false)
        func trimmed(_ field: String) -> String {
            let kept = field.drop { $0 == " " }
            return String(kept.prefix(kept.count - kept.reversed().prefix { $0 == " " }.count))
        }
        func endRow() {
            row.append(trimmed(field))
            if row.contains(where: { !$0.isEmpty }) { rows.append(row) }
            (row, field) = ([], "")
        }
        var rest = text.drop { $0 == "\u{FEFF}" }[...]
        while let character = rest.popFirst() {
            if isQuoted {
                if character != "\"" {
                    field.append(character)
                } else if rest.first == "\"" {
                    field.append("\"")
                    rest.removeFirst()
                } else {
                    isQuoted = false
                }
            } else if character == "\"", field.allSatisfy({ $0 == " " }) {
                (field, isQuoted) = ("", true)
            } else if character == separator {
                row.append(trimmed(field))
                field = ""
            } else if character.isNewline {
                endRow()
            } else {
                field.append(character)
            }
        }
        endRow()
        return rows
    }
}
