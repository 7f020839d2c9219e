import CPNGCodec
import CZlib
import Imaging
import Testing

/// `cpng_deflate` writes, zlib reads.
@Suite struct DeflateTests {
    private func compressed(_ bytes: [UInt8], isLast: Bool = true) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: cpng_deflate_room(bytes.count)) { out, count in
            count = cpng_deflate(bytes, bytes.count, isLast ? 1 : 0, out.baseAddress!)
        }
    }

    /// Nil unless zlib finds an end exactly where the stream ends.
    private func inflated(_ stream: [UInt8], count: Int) -> [UInt8]? {
        var zlib = z_stream()
        guard inflateInit2_(&zlib, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&zlib) }
        var status = Z_OK
        var stream = stream
        let bytes = [UInt8](unsafeUninitializedCapacity: count + 1) { out, written in
            stream.withUnsafeMutableBufferPointer { stream in
                (zlib.next_in, zlib.avail_in) = (stream.baseAddress, UInt32(stream.count))
                (zlib.next_out, zlib.avail_out) = (out.baseAddress, UInt32(count + 1))
                status = inflate(&zlib, Z_FINISH)
            }
            written = count + 1 - Int(zlib.avail_out)
        }
        return status == Z_STREAM_END && zlib.avail_in == 0 ? bytes : nil
    }

    private static func cases() -> [[UInt8]] {
        var random = CounterRandom(seed: 5, stream: 0)
        var cases: [[UInt8]] = [[0], [255], [7, 7], [1, 2, 3], [UInt8](0...255)]
        // Runs around the shortest and longest length of a code.
        for run in [2, 3, 4, 5, 6, 10, 11, 12, 130, 257, 258, 259, 260, 515, 516, 517, 5000] {
            cases.append([UInt8](repeating: 9, count: run))
            cases.append([1] + [UInt8](repeating: 9, count: run) + [2] + [UInt8](repeating: 2, count: run))
        }
        // Every length of a run, each once.
        cases.append((1...300).flatMap { [UInt8](repeating: UInt8($0 % 2), count: $0) })
        for count in [100, 70_000] { cases.append((0..<count).map { _ in UInt8(random.integer(below: 256)) }) }
        // Counts like Fibonacci's numbers would take codes of more than fifteen bits.
        var (skewed, a, b) = ([UInt8](), 1, 1)
        for value in 0..<24 {
            skewed += [UInt8](repeating: UInt8(value), count: a)
            (a, b) = (b, a + b)
        }
        for i in skewed.indices.dropFirst().reversed() { skewed.swapAt(i, random.integer(below: i + 1)) }
        cases.append(skewed)
        return cases
    }

    @Test func zlibReadsIt() {
        for bytes in Self.cases() {
            let alone = compressed(bytes)
            #expect(alone.count <= cpng_deflate_room(bytes.count))
            #expect(inflated(alone, count: bytes.count) == bytes, "\(bytes.count) bytes")
            // Consecutive pieces form one stream.
            let joined = compressed(bytes, isLast: false) + compressed([3, 3, 3, 3, 3], isLast: false) + alone
            #expect(inflated(joined, count: 2 * bytes.count + 5) == bytes + [3, 3, 3, 3, 3] + bytes, "\(bytes.count) bytes thrice")
        }
    }

    /// As small as zlib's own runs: what a mask's flat areas and a photograph's noise take.
    @Test func isAsSmallAsZlibsRuns() {
        var random = CounterRandom(seed: 6, stream: 0)
        let flat = [UInt8](repeating: 0, count: 300_000)
        // Small differences, as filtered photographs have: the sum of three dice, around zero.
        let noise = (0..<300_000).map { _ in UInt8(truncatingIfNeeded: (0..<3).reduce(-9) { sum, _ in sum + random.integer(below: 7) }) }
        for bytes in [flat, noise] {
            var stream = z_stream()
            #expect(deflateInit2_(&stream, 1, Z_DEFLATED, -15, 9, Z_RLE, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
            defer { deflateEnd(&stream) }
            var input = bytes
            var output = [UInt8](repeating: 0, count: 2 * bytes.count)
            let size = output.count
            input.withUnsafeMutableBufferPointer { input in
                output.withUnsafeMutableBufferPointer { output in
                    (stream.next_in, stream.avail_in) = (input.baseAddress, UInt32(input.count))
                    (stream.next_out, stream.avail_out) = (output.baseAddress, UInt32(size))
                    #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
                }
            }
            let theirs = size - Int(stream.avail_out)
            #expect(Double(compressed(bytes).count) <= 1.02 * Double(theirs) + 200)
        }
    }
}
