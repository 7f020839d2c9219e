import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The encoding of the data after a text header.
enum DataEncoding {
    case raw, text, hex, gzip, zlib, bzip2
}

/// A volume's data, opened in any encoding.
struct EncodedData {
    let stream: any ByteStream
    /// The most bytes that the data can yield.
    let largestSize: Int
    /// Called after all voxels have been read. Throws if checksums differ, or if more follows than
    /// a line's end.
    let finish: () throws -> Void

    /// The start of the voxels among the data.
    enum Start: Equatable {
        /// This many decoded bytes precede the voxels.
        case skip(Int)
        /// The voxels are the file's last decoded bytes, after at most so many others.
        case end(after: Int)

        /// Skips this many bytes in each of `parts` files; −1 means that the voxels come last. Nil
        /// if the files together skip more than allowed, since skipped bytes have to be unpacked.
        init?(skipping bytes: Int, parts: Int) {
            guard (-1...EncodedData.mostSkipped / parts).contains(bytes) else { return nil }
            self = bytes < 0 ? .end(after: EncodedData.largestSurplus / parts) : .skip(bytes)
        }
    }

    /// The most bytes, and lines, that a header may skip.
    private static let mostSkipped = 1 << 30
    static let mostSkippedLines = 1 << 20

    /// Data from an offset of the file; `count` bytes of them are voxels.
    init(_ file: FileReader, from position: Int, _ encoding: DataEncoding, of elementType: ElementType, start: Start, count: Int) throws {
        switch encoding {
        case .raw:
            let begin: Int
            switch start {
            case .skip(let skipped): begin = position.addingReportingOverflow(skipped).partialValue
            case .end: begin = file.size - count
            }
            guard begin >= position, begin <= file.size else {
                throw Fault(.truncated, "truncated: the voxels take \(count) bytes, which \(file.size - position) cannot hold")
            }
            (stream, largestSize) = (FileStream(file, from: begin), file.size - begin)
            finish = { try Self.requireEnd(file.size - begin - count) }
        case .text:
            let text = TextStream(file, from: position, of: elementType)
            (stream, largestSize) = (text, text.largestSize)
            finish = { guard try text.isAtEnd() else { throw Self.surplus } }
        case .hex:
            let hex = HexStream(file, from: position)
            (stream, largestSize) = (hex, hex.largestSize)
            finish = { guard try hex.isAtEnd() else { throw Self.surplus } }
        case .gzip, .zlib, .bzip2:
            let packed = try Self.open(file, position, encoding)
            try packed.stream.skip(try Self.skipped(start, count, file, position, encoding), "the data before the voxels")
            (stream, largestSize) = packed
            finish = { try Self.requireEnd(try packed.stream.drain(1 << 16, "the array of voxels")) }
        }
    }

    /// An array's data: at `position` of the header's file, or in equal parts in the files that the
    /// header names. `data` opens a given number of bytes in one file.
    init(
        at position: Int, of file: FileReader, or files: [URL]?, shape: [Int], of elementType: ElementType,
        _ data: @escaping (_ file: FileReader, _ position: Int, _ count: Int) throws -> EncodedData
    ) throws {
        guard let count = HostTensor.byteCount(shape: shape, elementType: elementType) else {
            throw Fault(.corrupt, "its header declares an impossible shape \(shape)")
        }
        guard let files else {
            self = try data(file, position, count)
            return
        }
        let chain = try ChainedStream(files, bytes: count, of: elementType) { try data($0, 0, $1) }
        (stream, largestSize, finish) = (chain, chain.largestSize, { try chain.finish() })
    }

    private static func open(
        _ file: FileReader, _ position: Int, _ encoding: DataEncoding
    ) throws -> (stream: any PackedStream, largestSize: Int) {
        if encoding == .bzip2 {
            let stream = try BZip2Stream(file, from: position)
            return (stream, stream.largestSize)
        }
        let stream = try encoding == .zlib ? GzipStream(zlib: file, from: position) : GzipStream(file, from: position)
        guard stream.isPacked else { throw Fault(.corrupt, "its header promises a gzip stream, but the data is not one") }
        return (stream, stream.largestSize)
    }

    /// The bytes before the voxels. If the voxels come last, the data is decompressed once to count
    /// its bytes.
    private static func skipped(_ start: Start, _ count: Int, _ file: FileReader, _ position: Int, _ encoding: DataEncoding) throws -> Int {
        switch start {
        case .skip(let skipped): return skipped
        case .end(let most):
            let (bound, overflow) = count.addingReportingOverflow(most)
            guard !overflow else { throw Fault(.corrupt, "its header declares an impossible size of \(count) bytes") }
            let length = try open(file, position, encoding).stream.drain(bound, "the data")
            guard length >= count else {
                throw Fault(.truncated, "truncated: the voxels take \(count) bytes, of which there are \(length)")
            }
            guard length < bound else { throw surplus }
            return length - count
        }
    }

    /// The most bytes, such as a header, before voxels that come last.
    private static let largestSurplus = 1 << 24

    private static var surplus: Fault {
        Fault(
            .corrupt, "holds more data than the voxels that its header declares",
            remedy: "correct the sizes in its header, or the number of bytes to skip before the voxels")
    }

    /// A line break may follow.
    private static func requireEnd(_ rest: Int) throws { guard rest <= 2 else { throw surplus } }
}

/// Data in one or several files, one after the other, of equal lengths.
final class ChainedStream: ByteStream {
    private let open: (Int) throws -> EncodedData
    private let bytesEach: Int
    private let files: Int
    private var next = 0
    private var left = 0
    private var current: EncodedData?
    /// The most bytes that the data can yield.
    let largestSize: Int

    /// `bytes` bytes of voxels in these files; `data` opens a given number of them in one file.
    init(
        _ urls: [URL], bytes: Int, of elementType: ElementType, _ data: @escaping (_ file: FileReader, _ count: Int) throws -> EncodedData
    ) throws {
        guard !urls.isEmpty, bytes.isMultiple(of: urls.count), (bytes / urls.count).isMultiple(of: elementType.byteCount) else {
            throw Fault(.corrupt, "its header divides the voxels among \(urls.count) files, which cannot share them evenly")
        }
        let each = bytes / urls.count
        open = { index in
            let file: FileReader
            do throws(FileError) { file = try FileReader(urls[index]) } catch {
                // The header is the file that was given, and the one that is named.
                throw Fault(
                    error.kind, "its data file '\(urls[index].lastPathComponent.printable(limit: 80))' cannot be read: \(error.reason)",
                    remedy: "put both into one folder, and the bare name into the header")
            }
            return try data(file, each)
        }
        (files, bytesEach) = (urls.count, each)
        var size = 0
        for index in urls.indices { size = size.addingReportingOverflow(min(try open(index).largestSize, each)).partialValue }
        largestSize = size
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer, _ what: String) throws {
        var filled = 0
        while filled < buffer.count {
            if left == 0 {
                try current?.finish()
                guard next < files else {
                    throw Fault(.truncated, "truncated: \(what) has \(filled) of \(buffer.count) bytes")
                }
                current = try open(next)
                (next, left) = (next + 1, bytesEach)
            }
            let piece = min(left, buffer.count - filled)
            try current?.stream.fill(UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<(filled + piece)]), what)
            filled += piece
            left -= piece
        }
    }

    func finish() throws { try current?.finish() }
}
