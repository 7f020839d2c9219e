import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// NRRD files, `.nrrd` and `.nhdr` with separate data: raw, text, hexadecimal, gzip and bzip2.
///
/// Data files must be in the header's folder or below, so that a foreign header cannot name other
/// files of this machine.
package enum NRRDFile {
    /// The segments named in a `.seg.nrrd` of 3D Slicer; empty if the file has none.
    package static func segments(_ url: URL) throws(TensorFileError) -> [VolumeLabel] {
        try naming(url) { SegmentKeys.labels(try NRRDHeader(FileReader(url)).keys) }
    }

    // MARK: Reading

    static func open(_ url: URL) throws -> (source: VoxelSource, order: ChannelOrder) {
        let file = try FileReader(url)
        let header = try NRRDHeader(file)
        let layout = try NRRDLayout(header)
        let data = try NRRDData(header, layout, file: file, url: url)
        let source = VoxelSource(
            header: layout.volume, isBigEndian: layout.isBigEndian && layout.encoding != .text, stream: data.stream,
            largestSize: data.largestSize, finish: data.finish)
        return (source, layout.order)
    }
}

/// The place of an NRRD header's data.
private struct NRRDData {
    let stream: any ByteStream
    let largestSize: Int
    let finish: () throws -> Void

    /// The most files that a header may name.
    private static let mostFiles = 4096

    init(_ header: NRRDHeader, _ layout: NRRDLayout, file: FileReader, url: URL) throws {
        let skip = try header.integer("lineskip") ?? 0, bytes = try header.integer("byteskip") ?? 0
        guard (0...1 << 20).contains(skip), (-1...1 << 30).contains(bytes) else {
            throw Fault(.corrupt, "its header skips \(skip) lines and \(bytes) bytes, which is not possible")
        }
        let start = bytes < 0 ? EncodedData.Start.end : .skip(bytes)
        let elementType = layout.volume.elementType
        guard let total = HostTensor.byteCount(shape: layout.sizes, elementType: elementType) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(layout.sizes)")
        }
        func data(_ file: FileReader, from position: Int, count: Int) throws -> EncodedData {
            let position = try Self.skipLines(skip, file, position)
            return try EncodedData(file, from: position, layout.encoding, of: elementType, start: start, count: count)
        }
        guard let named = header.fields["datafile"] else {
            let data = try data(file, from: header.dataOffset ?? file.size, count: total)
            (stream, largestSize, finish) = (data.stream, data.largestSize, data.finish)
            return
        }
        let files = try Self.files(named, header, beside: url)
        let chain = try ChainedStream(files, bytes: total, of: elementType) { try data($0, from: 0, count: $1) }
        (stream, largestSize, finish) = (chain, chain.largestSize, { try chain.finish() })
    }

    private static func skipLines(_ count: Int, _ file: FileReader, _ position: Int) throws -> Int {
        var (position, left) = (position, count)
        while left > 0 {
            let block = try file.bytes(at: position, count: 1 << 16)
            guard !block.isEmpty else { throw Fault(.truncated, "truncated: its header skips \(count) lines, and there are not so many") }
            var used = block.count
            for (i, byte) in block.enumerated() where byte == UInt8(ascii: "\n") {
                left -= 1
                if left == 0 {
                    used = i + 1
                    break
                }
            }
            position += used
        }
        return position
    }

    /// One name, a list after the header, or a pattern with a range of numbers.
    private static func files(_ text: String, _ header: NRRDHeader, beside url: URL) throws -> [URL] {
        let words = text.split(separator: " ").map(String.init)
        if words.first == "LIST" { return try checked(header.listedFiles, beside: url) }
        guard words.count >= 4, words[0].contains("%") else { return try checked([text], beside: url) }
        let numbers = words[1...3].compactMap { Int($0) }
        guard numbers.count == 3, numbers[2] != 0, numbers.allSatisfy({ abs($0) < 1 << 30 }), let pattern = NumberedName(words[0]) else {
            throw Fault(.corrupt, "its header names its data files by '\(text.printable(limit: 60))', which is no pattern and range")
        }
        let range = stride(from: numbers[0], through: numbers[1], by: numbers[2])
        var names: [String] = []
        for number in range {
            guard names.count < mostFiles else { break }
            names.append(pattern.name(number))
        }
        return try checked(names, beside: url)
    }

    private static func checked(_ names: [String], beside url: URL) throws -> [URL] {
        guard names.count < mostFiles else { throw Fault(.limit, "names more than \(mostFiles) data files") }
        return try names.map { try DataFile.url($0, beside: url) }
    }
}

/// A data file named by a header.
enum DataFile {
    /// A file beside the header or below it. Throws for any other place.
    static func url(_ name: String, beside header: URL) throws -> URL {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, !name.hasPrefix("/"), !parts.contains(".."), !name.utf8.contains(0) else {
            throw Fault(
                .unsupported, "names the data file '\(name.printable(limit: 80))', outside of its own folder",
                remedy: "put both into one folder, and the bare name into the header")
        }
        return header.deletingLastPathComponent().appendingPathComponent(name)
    }
}

/// A name with a printf number in it: `%d`, `%03d`.
struct NumberedName {
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
        let digits = String(abs(number)), sign = number < 0 ? "-" : ""
        let padding = String(repeating: fill, count: max(0, width - digits.count - sign.count))
        return before + (fill == "0" ? sign + padding : padding + sign) + digits + after
    }
}
