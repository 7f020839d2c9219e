/// TIFF's LZW: codes of 9 to 12 bits, highest bit first, widened one code early.
enum LZW {
    private static let (clear, end, first, last) = (256, 257, 258, 4095)

    /// Decodes until the output is full or the input ends; returns the number of bytes written.
    static func decode(_ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        // A table entry is a stretch of the output: the previous string and the byte after it.
        var starts = [Int](repeating: 0, count: last + 1)
        var lengths = [Int](repeating: 0, count: last + 1)
        return starts.withUnsafeMutableBufferPointer { starts in
            lengths.withUnsafeMutableBufferPointer { lengths in
                var (bits, available, at) = (UInt32(0), 0, 0)
                var (width, next, written) = (9, first, 0)
                // The stretch written by the previous code; none after a clear code.
                var (previous, previousLength) = (0, 0)
                while written < output.count {
                    while available < width {
                        guard at < input.count else { return written }
                        bits = bits << 8 | UInt32(input[at])
                        at += 1
                        available += 8
                    }
                    available -= width
                    let code = Int(bits >> UInt32(available)) & (1 << width - 1)
                    if code == end { return written }
                    if code == clear {
                        (width, next, previousLength) = (9, first, 0)
                        continue
                    }
                    let start = written
                    if code < 256 {
                        output[written] = UInt8(code)
                        written += 1
                    } else if code < next {
                        let (from, length) = (starts[code], lengths[code])
                        let count = min(length, output.count - written)
                        for i in 0..<count { output[written + i] = output[from + i] }
                        written += count
                    } else {
                        // The code being created: the previous string and its own first byte.
                        guard code == next, previousLength > 0 else { return written }
                        let count = min(previousLength + 1, output.count - written)
                        for i in 0..<count { output[written + i] = output[previous + i] }
                        written += count
                    }
                    if previousLength > 0, next <= last {
                        starts[next] = previous
                        lengths[next] = previousLength + 1
                        next += 1
                        if next == 1 << width - 1, width < 12 { width += 1 }
                    }
                    (previous, previousLength) = (start, written - start)
                }
                return written
            }
        }
    }
}

/// Apple's PackBits: runs of equal bytes, and stretches of others.
enum PackBits {
    /// Decodes until the output is full or the input ends; returns the number of bytes written.
    static func decode(_ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var (at, written) = (0, 0)
        while at < input.count, written < output.count {
            let head = Int(Int8(bitPattern: input[at]))
            at += 1
            if head >= 0 {
                let count = min(head + 1, input.count - at, output.count - written)
                for i in 0..<count { output[written + i] = input[at + i] }
                at += head + 1
                written += count
            } else if head > -128, at < input.count {
                let count = min(1 - head, output.count - written)
                for i in 0..<count { output[written + i] = input[at] }
                at += 1
                written += count
            }
        }
        return written
    }
}
