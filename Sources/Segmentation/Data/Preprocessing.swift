import Imaging

/// Turns a picture's bytes into the network's input.
package enum Preprocessing {
    /// A picture as planes, 3 × height × width: stretched to 0…255 between its own least and
    /// greatest value, then resized bilinearly without antialiasing.
    ///
    /// The published preprocessing first computes (x − mean)/std with the split's constants.
    /// Stretching cancels them, so they are left out, and any data set is preprocessed like ISIC. A
    /// grey picture is repeated; a constant picture becomes zeros.
    package static func stretched(_ picture: Picture, height: Int, width: Int) -> [Float] {
        let (least, greatest) = range(picture.pixels)
        guard least < greatest else { return [Float](repeating: 0, count: 3 * height * width) }
        let stretch = 255 / Double(greatest - least)
        let values = (0..<256).map { Float((Double($0) - Double(least)) * stretch) }
        let planes = Resize.bilinear(picture, to: (height, width), values: values)
        return picture.channels == 1 ? planes + planes + planes : planes
    }

    /// A mask of zeros and ones as probabilities, height × width, resized bilinearly and thus soft
    /// along outlines.
    ///
    /// `ignored` pixels become ``ignoredTarget``, by the nearest pixel.
    package static func softMask(_ mask: Picture, ignoring ignored: UInt8? = nil, height: Int, width: Int) -> [Float] {
        guard let ignored, mask.pixels.contains(ignored) else { return Resize.bilinear(mask, to: (height, width)) }
        var foreground = mask
        foreground.pixels = mask.pixels.map { $0 == 1 ? 1 : 0 }
        let nearest = Resize.nearest(mask, to: (height, width)).pixels
        return zip(Resize.bilinear(foreground, to: (height, width)), nearest).map { $1 == ignored ? ignoredTarget : $0 }
    }

    /// The value of unlabelled pixels in a binary target.
    package static let ignoredTarget: Float = -1

    /// A label image, height × width, resized by the nearest pixel.
    package static func labels(_ mask: Picture, height: Int, width: Int) -> [UInt8] {
        Resize.nearest(mask, to: (height, width)).pixels
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
