import Files

/// The text before an NRRD file's data: fields ("sizes: 4 5 6"), the user's keys ("name:=value"),
/// and the place of the data.
struct NRRDHeader {
    /// Values by the fields' lower-case names without spaces.
    private(set) var fields: [String: String] = [:]
    /// The user's keys and values, as used in `.seg.nrrd` files.
    private(set) var keys: [String: String] = [:]
    /// The data files listed after `data file: LIST`.
    private(set) var listedFiles: [String] = []
    /// The offset of the data in this file; nil if the file ends with its header.
    private(set) var dataOffset: Int?

    /// The most bytes of a header.
    private static let largestSize = 1 << 20
    private static let magic = Array("NRRD000".utf8)

    /// Reads up to the empty line that ends a header, or to the end of a file with separate data.
    init(_ file: FileReader) throws {
        let text = try file.head(Self.largestSize)
        guard text.starts(with: Self.magic), text.count > 8 else {
            throw FileSignature.refusal(text, size: file.size, expected: "an NRRD file", remedy: "give a volume")
        }
        guard (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(text[7]) else {
            throw Fault(.unsupported, "has an unknown version of NRRD", remedy: "save it as NRRD0005 or older")
        }
        var (start, isFirst, isList) = (0, true, false)
        while start < text.count {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            guard end < text.count || text.count == file.size else { break }
            var line = String(decoding: text[start..<end], as: UTF8.self)
            if line.hasSuffix("\r") { line.removeLast() }
            start = min(end + 1, text.count)
            if isFirst {
                isFirst = false
            } else if isList {
                listedFiles.append(line)
            } else if line.isEmpty {
                dataOffset = start
                return
            } else if !line.hasPrefix("#") {
                try add(line)
                isList = fields["datafile"]?.split(separator: " ").first == "LIST"
            }
        }
        guard start >= text.count, text.count == file.size else {
            throw Fault(.limit, "has a header of more than \(Self.largestSize) bytes")
        }
        listedFiles = listedFiles.filter { !$0.isEmpty }
        guard fields["datafile"] != nil else { throw Fault(.truncated, "truncated: no empty line ends its header") }
    }

    private mutating func add(_ line: String) throws {
        guard let colon = line.firstIndex(of: ":") else {
            throw Fault(.corrupt, "has a line '\(line.printable(limit: 40))' in its header that is not a field")
        }
        let after = line.index(after: colon)
        if after < line.endIndex, line[after] == "=" {
            keys[String(line[..<colon])] = Self.unescaped(String(line[line.index(after: after)...]))
        } else {
            let name = line[..<colon].lowercased().filter { $0 != " " }
            fields[name] = String(line[after...]).trimmed
        }
    }

    private static func unescaped(_ value: String) -> String {
        guard value.contains("\\") else { return value }
        var result = ""
        var isEscape = false
        for character in value {
            if isEscape {
                result += character == "n" ? "\n" : String(character)
                isEscape = false
            } else if character == "\\" {
                isEscape = true
            } else {
                result.append(character)
            }
        }
        return result
    }

    // MARK: Fields

    func required(_ field: String) throws -> String {
        guard let value = fields[field], !value.isEmpty else { throw Fault(.corrupt, "its header has no '\(field)'") }
        return value
    }

    func integer(_ field: String) throws -> Int? {
        guard let text = fields[field] else { return nil }
        guard let value = Int(text) else {
            throw Fault(.corrupt, "its header's '\(field)' is '\(text.printable(limit: 40))', not a whole number")
        }
        return value
    }

    /// Values separated by spaces, such as sizes.
    func list(_ field: String) -> [String]? { fields[field].map { $0.split(separator: " ").map(String.init) } }

    /// Vectors in parentheses, or `none`: "(1,0,0) (0,1,0) none".
    func vectors(_ field: String) throws -> [[Double]?]? {
        guard let text = fields[field] else { return nil }
        let parts = text.filter { $0 != " " }.replacingNone().split(separator: "(", omittingEmptySubsequences: true)
        return try parts.map { part in
            if part.hasPrefix("none") { return nil }
            let numbers = part.split(separator: ")").first?.split(separator: ",").map { Double(String($0)) } ?? []
            guard !numbers.isEmpty, !numbers.contains(nil) else {
                throw Fault(.corrupt, "its header's '\(field)' is '\(text.printable(limit: 60))', not a list of vectors")
            }
            let vector = numbers.compactMap(\.self)
            return vector.allSatisfy(\.isNaN) ? nil : vector
        }
    }
}

extension String {
    /// Without white space at either end.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// `none` in parentheses, so that it parses like the other vectors.
    fileprivate func replacingNone() -> String {
        var (result, rest) = ("", self[...])
        while let first = rest.first {
            if rest.hasPrefix("none") {
                result += "(none)"
                rest = rest.dropFirst(4)
            } else {
                result.append(first)
                rest.removeFirst()
            }
        }
        return result
    }
}
