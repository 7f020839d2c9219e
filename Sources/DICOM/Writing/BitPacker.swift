#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Single bits, lowest first; frames follow each other without a gap.
struct BitPacker {
    private(set) var bytes: [UInt8] = []
    private var used = 8

    mutating func add(_ labels: ArraySlice<UInt8>, _ value: UInt8) {
        for label in labels {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            if label == value { bytes[bytes.count - 1] |= 1 << UInt8(used) }
            used += 1
        }
    }
}

/// Colours as DICOM recommends them for display: a screen's red, green and blue in CIELab, as
/// 16-bit numbers.
enum CIELab {
    static func scaled(_ color: [UInt8]) -> [Int] {
        let linear = color.map { part -> Double in
            let c = Double(part) / 255
            return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4)
        }
        let rows = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
        let white = [0.95047, 1, 1.08883]  // D65
        let f = zip(rows, white).map { row, white -> Double in
            let t = (row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]) / white
            return t > 216.0 / 24389 ? pow(t, 1.0 / 3) : (24389.0 / 27 * t + 16) / 116
        }
        let lab = [(116 * f[1] - 16) / 100, (500 * (f[0] - f[1]) + 128) / 255, (200 * (f[1] - f[2]) + 128) / 255]
        return lab.map { Int((min(max($0, 0), 1) * 65535).rounded()) }
    }
}
