import Files

/// The text before a MetaImage's data: lines of "Name = value", up to the line that tells where the
/// data is.
struct MetaImageHeader {
    /// Values by lower-case names.
    private var fields: [String: String] = [:]
    /// The data files listed after `ElementDataFile = LIST`.
    private(set) var listedFiles: [String] = []
    /// The offset of the data in this file, right after the header.
    private(set) var dataOffset = 0

    /// The most bytes of a header.
    private static let largestSize = 1 << 20

    init(_ file: FileReader) throws {
        let text = try file.head(Self.largestSize)
        var (start, isWhole) = (0, false)
        while start < text.count {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            let line = String(decoding: text[start..<end], as: UTF8.self).trimmed
            start = min(end + 1, text.count)
            if isWhole {
                if !line.isEmpty { listedFiles.append(line) }
                continue
            }
            guard let equals = line.firstIndex(of: "="), line.utf8.count <= 1 << 16 else {
                if line.isEmpty, !fields.isEmpty { continue }
                guard !fields.isEmpty else {
                    throw FileSignature.refusal(
                        Array(text.prefix(FileSignature.headLength)), size: file.size, expected: "a MetaImage", remedy: "give a volume")
                }
                throw Fault(.corrupt, "has a line '\(line.printable(limit: 40))' in its header that is not a field")
            }
            let name = String(line[..<equals]).trimmed.lowercased()
            fields[name] = String(line[line.index(after: equals)...]).trimmed
            if name == "elementdatafile" {
                isWhole = true
                dataOffset = start
                guard fields[name]?.split(separator: " ").first?.uppercased() == "LIST" else { break }
            }
        }
        guard isWhole else { throw Fault(.truncated, "truncated: its header does not say where the voxels are (ElementDataFile)") }
    }

    subscript(_ names: String...) -> String? {
        for name in names { if let value = fields[name], !value.isEmpty { return value } }
        return nil
    }

    func numbers(_ names: String...) throws -> [Double]? {
        for name in names {
            guard let text = fields[name], !text.isEmpty else { continue }
            let numbers = text.split(whereSeparator: \.isWhitespace).map { Double($0) ?? .nan }
            guard numbers.allSatisfy(\.isFinite) else {
                throw Fault(.corrupt, "its header's \(name) is '\(text.printable(limit: 60))', not a list of numbers")
            }
            return numbers
        }
        return nil
    }

    func integer(_ name: String) throws -> Int? {
        guard let text = fields[name] else { return nil }
        guard let value = Int(text) else {
            throw Fault(.corrupt, "its header's \(name) is '\(text.printable(limit: 40))', not a whole number")
        }
        return value
    }

    func isTrue(_ names: String...) -> Bool {
        for name in names { if let value = fields[name] { return value.lowercased().hasPrefix("t") || value == "1" } }
        return false
    }
}
