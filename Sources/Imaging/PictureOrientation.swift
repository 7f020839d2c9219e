/// The rotation of a stored picture for viewing: EXIF's orientation and its numbers.
public enum PictureOrientation: Int, Sendable, CaseIterable {
    /// Stored upright.
    case upright = 1
    /// Left and right swapped.
    case mirrored = 2
    /// Turned by 180°.
    case upsideDown = 3
    /// Top and bottom swapped.
    case flipped = 4
    /// Rows and columns swapped.
    case transposed = 5
    /// Needs a turn of 90° clockwise: a camera held upright, grip down.
    case turnedLeft = 6
    /// Rows and columns swapped along the other diagonal.
    case transversed = 7
    /// Needs a turn of 90° anticlockwise.
    case turnedRight = 8

    /// True if turning swaps width and height.
    public var swapsSides: Bool { rawValue >= 5 }

    /// The orientation that undoes this one.
    public var inverse: PictureOrientation {
        switch self {
        case .turnedLeft: .turnedRight
        case .turnedRight: .turnedLeft
        default: self
        }
    }

    /// The picture, turned for viewing.
    public func applied(to picture: Picture) -> Picture {
        guard self != .upright else { return picture }
        let (W, H, C) = (picture.width, picture.height, picture.channels)
        let size = swapsSides ? (width: H, height: W) : (width: W, height: H)
        // The source offset of the first pixel, and the steps to the next pixel and the next row,
        // in pixels.
        let (start, right, down): (Int, Int, Int) =
            switch self {
            case .upright: (0, 1, W)
            case .mirrored: (W - 1, -1, W)
            case .upsideDown: (W * H - 1, -1, -W)
            case .flipped: (W * (H - 1), 1, -W)
            case .transposed: (0, W, 1)
            case .turnedLeft: (W * (H - 1), -W, 1)
            case .transversed: (W * H - 1, -W, -1)
            case .turnedRight: (W - 1, W, -1)
            }
        // Squares that fit the cache: rows of one side are columns of the other.
        let side = 64
        let pixels = [UInt8](unsafeUninitializedCapacity: W * H * C) { out, count in
            picture.pixels.withUnsafeBufferPointer { source in
                for top in stride(from: 0, to: size.height, by: side) {
                    for left in stride(from: 0, to: size.width, by: side) {
                        for y in top..<min(top + side, size.height) {
                            for x in left..<min(left + side, size.width) {
                                let from = (start &+ y &* down &+ x &* right) &* C
                                let to = (y &* size.width &+ x) &* C
                                for c in 0..<C { out[to &+ c] = source[from &+ c] }
                            }
                        }
                    }
                }
            }
            count = W * H * C
        }
        return Picture(width: size.width, height: size.height, channels: C, pixels: pixels)
    }
}

extension PictureOrientation {
    /// Reads the orientation from an EXIF block, which is a small TIFF file; nil if it is damaged
    /// or has none.
    init?(exif bytes: [UInt8]) {
        guard bytes.count >= 8 else { return nil }
        let isBigEndian: Bool
        switch (bytes[0], bytes[1]) {
        case (0x49, 0x49): isBigEndian = false
        case (0x4D, 0x4D): isBigEndian = true
        default: return nil
        }
        func short(_ offset: Int) -> Int? {
            guard offset >= 0, offset + 2 <= bytes.count else { return nil }
            let (a, b) = (Int(bytes[offset]), Int(bytes[offset + 1]))
            return isBigEndian ? a << 8 | b : b << 8 | a
        }
        func long(_ offset: Int) -> Int? {
            guard let a = short(offset), let b = short(offset + 2) else { return nil }
            return isBigEndian ? a << 16 | b : b << 16 | a
        }
        let orientationTag = 0x112
        guard short(2) == 42, let directory = long(4), let count = short(directory) else { return nil }
        for index in 0..<count {
            let entry = directory + 2 + 12 * index
            guard let tag = short(entry), let type = short(entry + 2), let length = long(entry + 4) else { return nil }
            guard tag == orientationTag else { continue }
            // Some writers store it in four bytes, or in one.
            let value: Int? =
                switch type {
                case 3: short(entry + 8)
                case 4: long(entry + 8)
                case 1: entry + 8 < bytes.count ? Int(bytes[entry + 8]) : nil
                default: nil
                }
            guard length == 1, let value else { return nil }
            self.init(rawValue: value)
            return
        }
        return nil
    }
}
