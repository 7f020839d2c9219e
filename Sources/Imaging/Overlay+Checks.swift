extension Overlay {
    /// The picture as RGB, with each label of `mask` filled translucently and outlined in its
    /// colour (``LabelColors``).
    ///
    /// - `mask`: labels, 1 channel, of the picture's size; 0 is background and stays unchanged.
    /// - `opacity`: the fill's, 0…1.
    /// - `lineWidth`: the outline's, in pixels, within the region; by default 2 or 1/160 of the
    ///   shorter side, whichever is more.
    public static func draw(
        _ mask: Picture, on picture: Picture, opacity: Double = 0.25, lineWidth: Int? = nil
    ) throws(PictureError) -> Picture {
        try check(mask, picture)
        return drawn(mask, on: picture, opacity: opacity, lineWidth: lineWidth)
    }

    /// The picture as RGB, with everything but 0 in `mask` outlined in one colour, for showing a
    /// reference beside a prediction.
    public static func outline(
        _ mask: Picture, on picture: Picture, color: LabelColors.Color = (255, 255, 255), lineWidth: Int? = nil
    ) throws(PictureError) -> Picture {
        try check(mask, picture)
        var out = picture.rgb
        let width = out.width
        let region = Picture(width: mask.width, height: mask.height, channels: 1, pixels: mask.pixels.map { $0 == 0 ? 0 : 1 })
        out.pixels.withUnsafeMutableBufferPointer { pixels in
            forEachRowOfOutline(region, lineWidth: lineWidth ?? defaultLineWidth(picture)) { y, labels, isOutline in
                for x in 0..<width where labels[x] != 0 && isOutline[x] {
                    let place = 3 * (y * width + x)
                    (pixels[place], pixels[place + 1], pixels[place + 2]) = color
                }
            }
        }
        return out
    }

    private static func check(_ mask: Picture, _ picture: Picture) throws(PictureError) {
        guard mask.channels == 1, mask.width == picture.width, mask.height == picture.height else {
            throw .mismatch(
                operation: "overlay", expected: "a mask of \(picture.width)×\(picture.height), 1 channel",
                got: "\(mask.width)×\(mask.height), \(mask.channels) channels")
        }
    }
}
