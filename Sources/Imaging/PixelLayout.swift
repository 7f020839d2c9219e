import Files

/// The layout of a pixel's channels in memory, one byte each.
public enum PixelLayout: String, Sendable, CaseIterable {
    /// One value, from black to white.
    case grey
    /// Red, green, blue.
    case rgb
    /// Blue, green, red, as in OpenCV.
    case bgr
    /// Red, green, blue, opacity.
    case rgba
    /// Blue, green, red, opacity, as in Apple's and Windows' bitmaps.
    case bgra

    /// Bytes per pixel.
    public var bytesPerPixel: Int {
        switch self {
        case .grey: 1
        case .rgb, .bgr: 3
        case .rgba, .bgra: 4
        }
    }

    /// The offsets of red, green and blue in a pixel.
    fileprivate var places: (red: Int, green: Int, blue: Int) {
        switch self {
        case .grey: (0, 0, 0)
        case .rgb, .rgba: (0, 1, 2)
        case .bgr, .bgra: (2, 1, 0)
        }
    }
}

extension Picture {
    /// A picture from pixels in any layout: rows from top to bottom, `rowStride` bytes apart.
    /// Opacity is dropped.
    ///
    /// `rowStride` defaults to the width times the bytes per pixel; rows may end in padding.
    ///
    /// - Throws: ``PictureError/mismatch(operation:expected:got:)`` if the sizes are impossible or
    ///   there are too few bytes.
    public init(_ bytes: [UInt8], width: Int, height: Int, layout: PixelLayout, rowStride: Int? = nil) throws(PictureError) {
        self = try bytes.withUnsafeBufferPointer { bytes throws(PictureError) in
            try Picture(UnsafeRawBufferPointer(bytes), width: width, height: height, layout: layout, rowStride: rowStride)
        }
    }

    /// Like ``init(_:width:height:layout:rowStride:)-([UInt8],_,_,_,_)``; copies from the caller's
    /// memory.
    public init(_ bytes: UnsafeRawBufferPointer, width: Int, height: Int, layout: PixelLayout, rowStride: Int? = nil) throws(PictureError) {
        guard width > 0, height > 0, width <= PictureFile.pixelLimit / height else {
            throw .mismatch(
                operation: "picture", expected: "1 to \(PictureFile.pixelLimit / 1_000_000) million pixels", got: "\(width)×\(height)")
        }
        let length = width * layout.bytesPerPixel
        let stride = rowStride ?? length
        guard stride >= length, stride <= Int.max / height / 2 else {
            throw .mismatch(operation: "picture", expected: "rows of at least \(length) bytes", got: "\(stride)")
        }
        guard bytes.count >= stride * (height - 1) + length else {
            throw .mismatch(
                operation: "picture", expected: "\(stride * (height - 1) + length) bytes for \(width)×\(height) pixels",
                got: "\(bytes.count)")
        }
        let channels = layout == .grey ? 1 : 3
        let (step, places) = (layout.bytesPerPixel, layout.places)
        let pixels = [UInt8](unsafeUninitializedCapacity: width * height * channels) { out, count in
            for y in 0..<height {
                let row = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + y * stride
                let target = out.baseAddress! + y * width * channels
                if layout == .grey || layout == .rgb {
                    target.update(from: row, count: length)
                    continue
                }
                for x in 0..<width {
                    target[3 &* x] = row[step &* x &+ places.red]
                    target[3 &* x &+ 1] = row[step &* x &+ places.green]
                    target[3 &* x &+ 2] = row[step &* x &+ places.blue]
                }
            }
            count = width * height * channels
        }
        self.init(width: width, height: height, channels: channels, pixels: pixels)
    }

    /// The pixels in another layout: rows from top to bottom, `rowStride` bytes apart. Opacity is
    /// 255, padding 0; colours become grey as in ``grey``.
    ///
    /// - Throws: ``PictureError/mismatch(operation:expected:got:)`` if rows are shorter than the
    ///   picture's.
    public func bytes(as layout: PixelLayout, rowStride: Int? = nil) throws(PictureError) -> [UInt8] {
        let length = width * layout.bytesPerPixel
        let stride = rowStride ?? length
        guard stride >= length, stride <= Int.max / height / 2 else {
            throw .mismatch(operation: "picture", expected: "rows of at least \(length) bytes", got: "\(stride)")
        }
        let source = layout == .grey ? grey : self
        if source.channels * width == stride, layout == .grey || layout == .rgb { return source.pixels }
        var out = [UInt8](repeating: 0, count: stride * height)
        let (step, places, from) = (layout.bytesPerPixel, layout.places, source.channels)
        source.pixels.withUnsafeBufferPointer { pixels in
            out.withUnsafeMutableBufferPointer { out in
                for y in 0..<height {
                    for x in 0..<width {
                        let (a, b) = ((y * width + x) * from, y * stride + x * step)
                        out[b &+ places.red] = pixels[a]
                        guard step > 1 else { continue }
                        out[b &+ places.green] = pixels[a &+ (from == 3 ? 1 : 0)]
                        out[b &+ places.blue] = pixels[a &+ (from == 3 ? 2 : 0)]
                        if step == 4 { out[b &+ 3] = 255 }
                    }
                }
            }
        }
        return out
    }
}
