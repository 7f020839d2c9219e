/// Draws masks on pictures.
public enum Overlay {
    /// Like ``draw(_:on:opacity:lineWidth:)``, for a mask that is known to fit the picture.
    package static func drawn(_ mask: Picture, on picture: Picture, opacity: Double = 0.25, lineWidth: Int? = nil) -> Picture {
        precondition(mask.channels == 1 && mask.width == picture.width && mask.height == picture.height, "the mask fits the picture")
        var out = picture.rgb
        let table = (0..<256).map { LabelColors.color(of: $0) }
        let alpha = Int((min(max(opacity, 0), 1) * 256).rounded())
        let width = out.width
        out.pixels.withUnsafeMutableBufferPointer { pixels in
            forEachRowOfOutline(mask, lineWidth: lineWidth ?? defaultLineWidth(picture)) { y, labels, isOutline in
                for x in 0..<width {
                    guard let color = table[Int(labels[x])] else { continue }
                    let weight = isOutline[x] ? 256 : alpha
                    let place = 3 * (y * width + x)
                    pixels[place] = mix(pixels[place], color.red, weight)
                    pixels[place + 1] = mix(pixels[place + 1], color.green, weight)
                    pixels[place + 2] = mix(pixels[place + 2], color.blue, weight)
                }
            }
        }
        return out
    }

    static func defaultLineWidth(_ picture: Picture) -> Int { max(2, min(picture.width, picture.height) / 160) }

    private static func mix(_ value: UInt8, _ color: UInt8, _ weight: Int) -> UInt8 {
        UInt8((Int(value) * (256 - weight) + Int(color) * weight + 128) >> 8)
    }

    /// Reports, row by row, which pixels lie within `lineWidth` (in rows and columns) of a pixel
    /// with another label. Pixels outside the picture never differ.
    ///
    /// One pass, whatever the line width: a pixel is inside a region if 2k + 1 rows in its column
    /// are uniform over 2k + 1 columns each.
    static func forEachRowOfOutline(
        _ mask: Picture, lineWidth: Int, body: (_ y: Int, _ labels: UnsafePointer<UInt8>, _ isOutline: [Bool]) -> Void
    ) {
        let (width, height, k) = (mask.width, mask.height, max(1, lineWidth))
        // For each column, the number of rows up to the current one whose neighbourhood along x has
        // one and the same label.
        var alike = [Int](repeating: 0, count: width)
        var isOutline = [Bool](repeating: false, count: width)
        mask.pixels.withUnsafeBufferPointer { labels in
            for ahead in 0..<(height + k) {
                if ahead < height {
                    let row = labels.baseAddress! + ahead * width
                    var start = 0
                    while start < width {
                        var end = start + 1
                        while end < width, row[end] == row[start] { end += 1 }
                        for x in start..<end {
                            let isUniform = (start == 0 || x - start >= k) && (end == width || end - 1 - x >= k)
                            if !isUniform {
                                alike[x] = 0
                            } else if ahead == 0 {
                                alike[x] = k + 1
                            } else if alike[x] > 0, row[x] == row[x - width] {
                                alike[x] += 1
                            } else {
                                alike[x] = 1
                            }
                        }
                        start = end
                    }
                } else {
                    for x in 0..<width where alike[x] > 0 { alike[x] += 1 }
                }
                let y = ahead - k
                guard y >= 0 else { continue }
                for x in 0..<width { isOutline[x] = alike[x] < 2 * k + 1 }
                body(y, labels.baseAddress! + y * width, isOutline)
            }
        }
    }
}
