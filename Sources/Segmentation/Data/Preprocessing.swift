import Imaging

/// From a picture's bytes to what the network is given.
public enum Preprocessing {
    /// A picture as planes, 3 × height × width: stretched to 0…255 by its own least and greatest value, then resized bilinearly without antialiasing.
    ///
    /// The published preprocessing first takes (x − mean)/std with constants of the data set and its split. Stretching cancels them, so they are left out, and any
    /// data set can be preprocessed like ISIC. Stretching is affine and bilinear weights add to 1, so resizing first gives the same values for less work. A
    /// picture of one value becomes zeros.
    public static func stretched(_ picture: Picture, height: Int, width: Int) -> [Float] {
        let (least, greatest) = range(picture.pixels)
        guard least < greatest else { return [Float](repeating: 0, count: 3 * height * width) }
        var planes = Resize.bilinear(picture.rgb, width: width, height: height)
        let (offset, scale) = (Float(least), 255 / Float(greatest - least))
        planes.withUnsafeMutableBufferPointer { planes in
            for i in planes.indices { planes[i] = (planes[i] - offset) * scale }
        }
        return planes
    }

    /// A mask of zeros and ones as probabilities, height × width: resized bilinearly, so soft along outlines.
    public static func softMask(_ mask: Picture, height: Int, width: Int) -> [Float] {
        Resize.bilinear(mask, width: width, height: height)
    }

    /// A label image, height × width: each pixel's label is that of the nearest.
    public static func labels(_ mask: Picture, height: Int, width: Int) -> [UInt8] {
        Resize.nearest(mask, width: width, height: height).pixels
    }

    private static func range(_ pixels: [UInt8]) -> (least: UInt8, greatest: UInt8) {
        var (least, greatest) = (UInt8.max, UInt8.min)
        pixels.withUnsafeBufferPointer { pixels in
            for value in pixels {
                least = min(least, value)
                greatest = max(greatest, value)
            }
        }
        return (least, greatest)
    }
}
