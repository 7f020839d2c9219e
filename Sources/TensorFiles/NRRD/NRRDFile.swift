import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// NRRD files, `.nrrd` and `.nhdr` with separate data: raw, text, hexadecimal, gzip and bzip2.
/// ``VolumeFormat/nrrd`` reads them.
///
/// Data files must be in the header's folder or below, so that a foreign header cannot name other
/// files of this machine.
package enum NRRDFile {
    /// The segments named in a `.seg.nrrd` of 3D Slicer; empty if the file has none. Those in layers
    /// other than the first are left out.
    package static func segments(_ url: URL) throws(FileError) -> [VolumeLabel] {
        try naming(url) { SegmentKeys.segments(try NRRDHeader(FileReader(url)).keys).filter { $0.layer == 0 }.map(\.label) }
    }

    /// The voxels that a header describes.
    static func source(_ url: URL) throws -> VoxelSource {
        let file = try FileReader(url)
        let header = try NRRDHeader(file)
        let layout = try NRRDLayout(header)
        let files = try dataFiles(header, beside: url), parts = max(1, files?.count ?? 1)
        let lines = try header.integer("lineskip") ?? 0, bytes = try header.integer("byteskip") ?? 0
        guard (0...EncodedData.mostSkippedLines / parts).contains(lines), let start = EncodedData.Start(skipping: bytes, parts: parts)
        else {
            throw Fault(.corrupt, "its header skips an impossible amount: \(lines) lines and \(bytes) bytes")
        }
        let data = try EncodedData(
            at: header.dataOffset ?? file.size, of: file, or: files, shape: layout.sizes, of: layout.volume.elementType
        ) { file, position, count in
            try EncodedData(
                file, from: skipLines(lines, file, position), layout.encoding, of: layout.volume.elementType, start: start, count: count)
        }
        return VoxelSource(
            header: layout.volume, order: layout.order, isBigEndian: layout.isBigEndian && layout.encoding != .text, stream: data.stream,
            largestSize: data.largestSize, finish: data.finish)
    }

    private static func skipLines(_ count: Int, _ file: FileReader, _ position: Int) throws -> Int {
        var (position, left) = (position, count)
        while left > 0 {
            let block = try file.bytes(at: position, count: 1 << 16)
            guard !block.isEmpty else { throw Fault(.truncated, "truncated: its header skips \(count) lines, more than there are") }
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

    /// One name, a list after the header, or a pattern with a range of numbers; nil if the data is
    /// in the header's file.
    static func dataFiles(_ header: NRRDHeader, beside url: URL) throws -> [URL]? {
        guard let text = header.fields["datafile"] else { return nil }
        let words = text.split(separator: " ").map(String.init)
        if words.first == "LIST" { return try DataFiles.urls(header.listedFiles, beside: url) }
        let isPattern = words.count >= 4 && words[0].contains("%")
        return try DataFiles.urls(isPattern ? DataFiles.names(Array(words.prefix(4))) : [text], beside: url)
    }
}
