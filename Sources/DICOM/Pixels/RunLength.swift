import Files

/// DICOM's run-length coding (PS3.5, annex G): PackBits for each byte of the pixels separately, the
/// most significant first.
enum RunLength {
    /// Two bytes stand for 128 at most.
    static let largestRatio = 64

    /// A frame of `pixels` numbers of `size` bytes, little-endian.
    static func decode(_ packed: [UInt8], pixels: Int, size: Int) throws -> [UInt8] {
        guard packed.count >= 64 else { throw damage }
        let count = Int(packed.littleEndian(at: 0, as: UInt32.self))
        guard count == size else { throw Fault(.corrupt, "has \(count) parts of run-length coded pixels, where its kind has \(size)") }
        guard pixels * size <= packed.count * largestRatio else { throw tooShort }
        try Memory.ask(for: pixels * size)
        var result = [UInt8](repeating: 0, count: pixels * size)
        for part in 0..<count {
            let start = Int(packed.littleEndian(at: 4 + 4 * part, as: UInt32.self))
            let end = part + 1 < count ? Int(packed.littleEndian(at: 8 + 4 * part, as: UInt32.self)) : packed.count
            guard start >= 64, start <= end, end <= packed.count else { throw damage }
            try unpack(packed[start..<end], pixels: pixels) { place, byte in result[place * size + size - 1 - part] = byte }
        }
        return result
    }

    private static var damage: Fault { Fault(.corrupt, "its run-length coded pixels are damaged") }
    private static var tooShort: Fault { Fault(.truncated, "truncated: its run-length coded pixels end too early") }

    private static func unpack(_ packed: ArraySlice<UInt8>, pixels: Int, _ put: (Int, UInt8) -> Void) throws {
        var (at, place) = (packed.startIndex, 0)
        while place < pixels {
            guard at < packed.endIndex else { throw tooShort }
            let code = Int(packed[at])
            at += 1
            if code < 128 {
                guard at + code < packed.endIndex else { throw tooShort }
                for _ in 0...code where place < pixels {
                    put(place, packed[at])
                    (at, place) = (at + 1, place + 1)
                }
            } else if code > 128 {
                guard at < packed.endIndex else { throw tooShort }
                for _ in 0..<(257 - code) where place < pixels {
                    put(place, packed[at])
                    place += 1
                }
                at += 1
            }
        }
    }
}
