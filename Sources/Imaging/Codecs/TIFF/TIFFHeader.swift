import Files

/// A picture's layout and place, from the TIFF's tags.
struct TIFFHeader: Equatable {
    enum Packing: Int {
        case none = 1
        case lzw = 5
        case deflate = 8
        case oldDeflate = 32946
        case packBits = 32773

        /// The most bytes that one byte can unpack to.
        var ratio: Int {
            switch self {
            case .none: 1
            case .packBits: 64
            case .lzw: 2731  // a 12-bit code stands for up to 4096 bytes
            case .deflate, .oldDeflate: Inflate.largestRatio
            }
        }
    }

    enum Color: Int {
        case whiteIsZero = 0
        case blackIsZero = 1
        case rgb = 2
        case palette = 3
    }

    let width: Int
    let height: Int
    /// Bits per sample: 1, 2, 4, 8 or 16.
    let bits: Int
    /// Samples per pixel, including ignored ones such as opacity.
    let samples: Int
    let color: Color
    let packing: Packing
    /// True if a row holds one sample of every pixel, rather than all samples of each.
    let isPlanar: Bool
    /// True if samples are differences from the previous pixel.
    let isDifferenced: Bool
    /// True if a byte's lowest bit comes first.
    let isBitReversed: Bool
    /// Width and height of the separately compressed pieces: strips or tiles.
    let piece: (width: Int, height: Int)
    let isTiled: Bool
    let orientation: PictureOrientation
    let directory: TIFFDirectory

    static func == (a: TIFFHeader, b: TIFFHeader) -> Bool { a.directory == b.directory }

    /// Channels to decode.
    var channels: Int { color == .rgb ? 3 : 1 }
    /// Pieces across and down.
    var pieces: (across: Int, down: Int) {
        ((width + piece.width - 1) / piece.width, (height + piece.height - 1) / piece.height)
    }
    /// Samples per pixel in a piece.
    var pieceSamples: Int { isPlanar ? 1 : samples }
    /// Bytes per row of a piece.
    var pieceRowBytes: Int { (piece.width * pieceSamples * bits + 7) / 8 }

    init(of file: FileReader) throws(PictureError) {
        let directory = try TIFFDirectory.first(of: file)
        self.directory = directory
        let path = file.name
        func value(_ tag: Int, _ fallback: Int) throws(PictureError) -> Int { try directory.value(tag, in: file) ?? fallback }
        func unsupported(_ what: String) -> PictureError { .unsupported(path: path, reason: "a TIFF with \(what) is not supported") }

        (width, height) = (try value(256, 0), try value(257, 0))
        guard (1...Int(Int32.max)).contains(width), (1...Int(Int32.max)).contains(height) else {
            throw .damaged(path: path, reason: "the TIFF claims \(width)×\(height) pixels")
        }
        samples = try value(277, 1)
        guard (1...64).contains(samples) else { throw unsupported("\(samples) samples per pixel") }
        let depths = try directory.values(258, limit: 64, in: file) ?? [1]
        let bits = depths.first ?? 1
        self.bits = bits
        guard depths.allSatisfy({ $0 == bits }), [1, 2, 4, 8, 16].contains(bits), bits >= 8 || samples == 1 else {
            throw unsupported("\(depths.map(String.init).joined(separator: ", ")) bits per sample")
        }
        let formats = try directory.values(339, limit: 64, in: file) ?? [1]
        guard formats.allSatisfy({ $0 == 1 || $0 == 4 }) else { throw unsupported(formats.contains(3) ? "real numbers" : "signed numbers") }

        let code = try value(259, 1)
        guard let packing = Packing(rawValue: code) else { throw unsupported(Self.packingNames[code] ?? "packing \(code)") }
        self.packing = packing
        let colorCode = try value(262, samples >= 3 ? 2 : 1)
        guard let color = Color(rawValue: colorCode) else {
            throw unsupported(Self.colorNames[colorCode] ?? "colours of kind \(colorCode)")
        }
        guard color != .rgb || samples >= 3, color != .palette || bits <= 8 else {
            throw .damaged(path: path, reason: "the TIFF's colours do not fit its \(samples) samples of \(bits) bits")
        }
        self.color = color
        isPlanar = try value(284, 1) == 2 && samples > 1
        let predictor = try value(317, 1)
        guard predictor == 1 || predictor == 2 else { throw unsupported("predictor \(predictor)") }
        isDifferenced = predictor == 2 && packing != .none && packing != .packBits
        guard !isDifferenced || bits >= 8 else { throw unsupported("differences of \(bits) bits") }
        isBitReversed = try value(266, 1) == 2
        orientation = PictureOrientation(rawValue: try value(274, 1)) ?? .upright

        isTiled = directory.count(322) != nil
        let size = isTiled ? (try value(322, 0), try value(323, 0)) : (width, min(try value(278, height), height))
        guard size.0 > 0, size.1 > 0, size.0 <= 1 << 24, size.1 <= 1 << 24 else {
            throw .damaged(path: path, reason: "the TIFF's pieces have \(size.0)×\(size.1) pixels")
        }
        piece = size
        // A tile may extend beyond the picture, but is unpacked whole.
        guard !isTiled || (size.0 <= max(2 * width, 4096) && size.1 <= max(2 * height, 4096)) else {
            throw .damaged(path: path, reason: "the TIFF's tiles of \(size.0)×\(size.1) pixels are far larger than the picture")
        }
    }

    private static let packingNames = [
        2: "fax packing", 3: "fax packing", 4: "fax packing", 6: "JPEG packing", 7: "JPEG packing", 34712: "JPEG 2000 packing",
        34925: "LZMA packing", 50000: "Zstandard packing", 50001: "WebP packing", 34887: "LERC packing",
    ]

    private static let colorNames = [
        4: "a transparency mask", 5: "CMYK colours", 6: "YCbCr colours", 8: "CIELab colours", 32803: "raw sensor values",
    ]
}
