/// A picture of 8 bits per channel: height × width × channels (HWC), rows from top to bottom, 1
/// channel (grey) or 3 (RGB), values 0…255.
public struct Picture: Sendable, Equatable {
    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    /// 1 (grey) or 3 (red, green, blue).
    public let channels: Int
    /// height · width · channels values; the channel varies fastest.
    public var pixels: [UInt8]

    /// Wraps existing values. The caller must pass width · height · channels of them, and 1 or 3
    /// channels; ``init(_:width:height:layout:rowStride:)-([UInt8],_,_,_,_)`` throws instead.
    public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0, "a picture has at least one pixel, got \(width)×\(height)")
        precondition(channels == 1 || channels == 3, "a picture has 1 or 3 channels, got \(channels)")
        precondition(pixels.count == width * height * channels, "expected \(width * height * channels) values, got \(pixels.count)")
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// A picture of one value.
    public init(width: Int, height: Int, channels: Int, filledWith value: UInt8 = 0) {
        self.init(
            width: width, height: height, channels: channels, pixels: [UInt8](repeating: value, count: width * height * channels))
    }

    /// The value at a row, a column and a channel.
    public subscript(y: Int, x: Int, channel: Int = 0) -> UInt8 {
        get { pixels[(y * width + x) * channels + channel] }
        set { pixels[(y * width + x) * channels + channel] = newValue }
    }

    /// The picture as RGB: grey is repeated.
    public var rgb: Picture {
        guard channels == 1 else { return self }
        let values = [UInt8](unsafeUninitializedCapacity: pixels.count * 3) { out, count in
            for i in pixels.indices {
                out[3 * i] = pixels[i]
                out[3 * i + 1] = pixels[i]
                out[3 * i + 2] = pixels[i]
            }
            count = pixels.count * 3
        }
        return Picture(width: width, height: height, channels: 3, pixels: values)
    }

    /// The picture as grey: ITU-R 601 luma in the same integer arithmetic as Pillow's
    /// `convert("L")`.
    public var grey: Picture {
        guard channels == 3 else { return self }
        let total = width * height
        let values = [UInt8](unsafeUninitializedCapacity: total) { out, count in
            pixels.withUnsafeBufferPointer { rgb in
                for i in 0..<total {
                    let weighted = UInt32(rgb[3 * i]) * 19595 + UInt32(rgb[3 * i + 1]) * 38470 + UInt32(rgb[3 * i + 2]) * 7471
                    out[i] = UInt8(truncatingIfNeeded: (weighted + 0x8000) >> 16)
                }
            }
            count = total
        }
        return Picture(width: width, height: height, channels: 1, pixels: values)
    }
}
