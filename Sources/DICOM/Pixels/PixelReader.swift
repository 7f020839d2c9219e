import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The stored pixels of one frame.
struct RawFrame {
    let bytes: UnsafeRawBufferPointer
    let bits: PixelBits
    let isBigEndian: Bool

    /// Stores the values: masked to the stored bits, with sign, scaled. Throws if a measured one is
    /// beyond the range of numbers.
    func put(into values: inout [Float], at start: Int, count: Int, _ frame: DICOMImage.Frame, padding: inout PaddingCensus) throws {
        let (slope, intercept) = (frame.slope, frame.intercept)
        var isFinite = true
        for i in 0..<count {
            let raw: UInt32
            switch bits.allocated {
            case 8: raw = UInt32(bytes[i])
            case 16:
                let word = bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)
                raw = UInt32(isBigEndian ? word.byteSwapped : word)
            default:
                let word = bytes.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)
                raw = isBigEndian ? word.byteSwapped : word
            }
            let stored = bits.value(raw)
            let value = Float(slope * Double(stored) + intercept)
            if let range = bits.padding, range.contains(stored) {
                padding.mark(start + i)
            } else {
                if bits.padding != nil { padding.see(value) }
                isFinite = isFinite && value.isFinite
            }
            values[start + i] = value
        }
        guard isFinite else {
            throw Fault(
                .corrupt, "holds values that are not finite numbers, after its rescale slope and intercept",
                remedy: "export the series again")
        }
    }
}

/// Reads the pixels of a series, file by file: plain and run-length coded ones here, others through
/// a separate program.
struct PixelReader {
    private let series: DICOMSeries
    private let decoder: URL?

    init(_ series: DICOMSeries, decoder: URL?) { (self.series, self.decoder) = (series, decoder) }

    /// Passes on each frame once, in the files' order. ``DICOMImage/requirePixels()`` has checked
    /// the files' sizes.
    func read(_ body: (_ image: Int, _ frame: Int, _ raw: RawFrame) throws -> Void) throws {
        var packed: [Int] = []
        for (index, image) in series.images.enumerated() {
            switch image.file.syntax.pixels {
            case .native: try naming(image.file.url) { try native(image) { try body(index, $0, $1) } }
            case .runLength: try naming(image.file.url) { try runLength(image) { try body(index, $0, $1) } }
            case .packed: packed.append(index)
            case .film:
                throw Fault(.unsupported, "holds a film (\(image.file.syntax.name))", remedy: "give single images")
            }
        }
        guard !packed.isEmpty else { return }
        let names = packed.map { series.images[$0].file.url }
        try PixelDecoder(decoder, for: series.images[packed[0]].file.syntax).decode(names) { place, answer, bytes in
            let image = series.images[packed[place]]
            try naming(image.file.url) {
                var bits = image.bits
                (bits.allocated, bits.stored, bits.highBit, bits.isSigned) = (
                    answer.allocated, answer.stored, answer.highBit, answer.isSigned
                )
                let size = image.rows * image.columns * bits.allocated / 8
                guard answer.rows == image.rows, answer.columns == image.columns, answer.frames == image.frames.count, answer.samples == 1,
                    [8, 16, 32].contains(bits.allocated), (1...bits.allocated).contains(bits.stored),
                    (bits.stored - 1..<bits.allocated).contains(bits.highBit), bytes.count == size * answer.frames
                else { throw Fault(.corrupt, "its pixels are not of the size and kind that its header declares") }
                for frame in 0..<answer.frames {
                    let piece = UnsafeRawBufferPointer(rebasing: bytes[(frame * size)..<((frame + 1) * size)])
                    try body(packed[place], frame, RawFrame(bytes: piece, bits: bits, isBigEndian: false))
                }
            }
        }
    }

    private func native(_ image: DICOMImage, _ body: (Int, RawFrame) throws -> Void) throws {
        let size = image.rows * image.columns * image.bits.allocated / 8
        let content = image.file.content
        for frame in image.frames.indices {
            let bytes: [UInt8]
            switch image.file.dataSet[.pixels]?.value {
            case .place(let offset, _)?:
                bytes = try content.read(at: offset + frame * size, count: size, "the pixels")
            case .bytes(let all)?: bytes = Array(all[(frame * size)..<((frame + 1) * size)])
            default: return
            }
            try bytes.withUnsafeBytes {
                try body(frame, RawFrame(bytes: $0, bits: image.bits, isBigEndian: image.file.syntax.isBigEndian))
            }
        }
    }

    private func runLength(_ image: DICOMImage, _ body: (Int, RawFrame) throws -> Void) throws {
        guard case .fragments(let all)? = image.file.dataSet[.pixels]?.value, all.count > image.frames.count else {
            throw Fault(.truncated, "truncated: it has fewer packed pieces than frames")
        }
        let pixels = image.rows * image.columns
        for frame in image.frames.indices {
            // The first piece is the table of offsets; for a single frame, all others are its
            // parts.
            let pieces = image.frames.count == 1 ? all.dropFirst() : all[(frame + 1)...(frame + 1)]
            var packed: [UInt8] = []
            for piece in pieces {
                guard packed.count + piece.count <= 1 << 30 else { throw Fault(.limit, "has packed pixels of more than 1 GiB") }
                packed += try image.file.content.read(at: piece.offset, count: piece.count, "the pixels")
            }
            let bytes = try RunLength.decode(packed, pixels: pixels, size: image.bits.allocated / 8)
            try bytes.withUnsafeBytes { try body(frame, RawFrame(bytes: $0, bits: image.bits, isBigEndian: false)) }
        }
    }
}
