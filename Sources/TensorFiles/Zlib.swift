import CZlib
import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// zlib and gzip streams with a bound on what they may unpack to.
enum Zlib {
    /// More than this many bytes never come out of one that goes in: the limit of the deflate format.
    static let largestRatio = 1032

    /// Unpacks a zlib stream that holds exactly `count` bytes; never writes more.
    static func inflate(_ packed: [UInt8], count: Int) throws -> [UInt8] {
        guard packed.count <= Int(UInt32.max), count <= Int(UInt32.max) else {
            throw Fault(.limit, "has a packed block of more than 4 GiB")
        }
        guard count / largestRatio <= packed.count else {
            throw Fault(.corrupt, "a packed block of \(packed.count) bytes cannot hold \(count)")
        }
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw Fault(.limit, "needs more memory than there is")
        }
        defer { inflateEnd(&stream) }
        var input = packed
        // One byte more than expected shows a stream that goes on.
        var output = [UInt8](repeating: 0, count: count + 1)
        let (status, written) = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                let status = CZlib.inflate(&stream, Z_FINISH)
                return (status, output.count - Int(stream.avail_out))
            }
        }
        guard written <= count else { throw Fault(.corrupt, "a packed block unpacks to more than its \(count) bytes") }
        guard status == Z_STREAM_END, written == count else {
            throw Fault(.corrupt, "a packed block is damaged or truncated: \(written) of \(count) bytes")
        }
        output.removeLast()
        return output
    }

    /// A gzip file's bytes, without name or time, so that equal contents give equal files.
    static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        let gzipWindow: Int32 = 15 + 16
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, 6, Z_DEFLATED, gzipWindow, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            throw Fault(.unwritable, "cannot be packed: there is not enough memory")
        }
        defer { deflateEnd(&stream) }
        var packed: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 18)
        var input = bytes
        input.withUnsafeMutableBufferPointer { input in
            block.withUnsafeMutableBufferPointer { block in
                var taken = 0
                var status = Z_OK
                while status == Z_OK {
                    let piece = min(input.count - taken, 1 << 30)
                    stream.next_in = input.baseAddress.map { $0 + taken }
                    stream.avail_in = UInt32(piece)
                    stream.next_out = block.baseAddress
                    stream.avail_out = UInt32(block.count)
                    status = deflate(&stream, taken + piece == input.count ? Z_FINISH : Z_NO_FLUSH)
                    taken += piece - Int(stream.avail_in)
                    packed.append(contentsOf: block[..<(block.count - Int(stream.avail_out))])
                }
            }
        }
        return packed
    }
}

/// A file, gzipped or plain, read from front to back.
final class GzipReader {
    /// Bytes of the file on the disk, packed where it is.
    let fileSize: Int
    /// Whether it begins as gzip.
    let isPacked: Bool
    private let file: gzFile

    init(_ url: URL) throws {
        let plain = try FileReader(url)
        fileSize = plain.size
        isPacked = try plain.head(2) == [0x1F, 0x8B]
        guard let file = gzopen(url.path, "rb") else { throw Fault(.unreadable, "cannot be opened") }
        self.file = file
    }

    deinit { gzclose(file) }

    /// Most bytes that the file can hold unpacked.
    var largestSize: Int { isPacked ? fileSize.multipliedReportingOverflow(by: Zlib.largestRatio).partialValue : fileSize }

    /// The next `count` bytes; `what` names them in the error where the file ends before. The caller has bounded `count`.
    func read(_ count: Int, _ what: String) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let got = gzread(file, buffer.baseAddress! + initialized, UInt32(min(count - initialized, 1 << 30)))
                guard got >= 0 else { throw Fault(.corrupt, "\(what) cannot be unpacked: the gzip stream is damaged") }
                guard got > 0 else { throw Fault(.truncated, "truncated: \(what) has \(initialized) of \(count) bytes") }
                initialized += Int(got)
            }
        }
    }
}
