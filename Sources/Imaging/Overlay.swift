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
                for x in 0..<width where labels[x] != 0 {
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
        _ mask: Picture, lineWidth: Int,
        body: (_ y: Int, _ labels: UnsafePointer<UInt8>, _ isOutline: UnsafeMutableBufferPointer<Bool>) -> Void
    ) {
        let (width, height, k) = (mask.width, mask.height, max(1, lineWidth))
        // For each column, the number of rows up to the current one whose neighbourhood along x has
        // one and the same label.
        var alike = [Int32](repeating: 0, count: width)
        var isOutline = [Bool](repeating: false, count: width)
        mask.pixels.withUnsafeBufferPointer { labels in
            alike.withUnsafeMutableBufferPointer { alike in
                isOutline.withUnsafeMutableBufferPointer { isOutline in
                    for ahead in 0..<(height + k) {
                        if ahead < height {
                            count(labels.baseAddress! + ahead * width, isFirst: ahead == 0, k, alike)
                        } else {
                            for x in 0..<width { alike[x] &+= alike[x] > 0 ? 1 : 0 }
                        }
                        let y = ahead - k
                        guard y >= 0 else { continue }
                        let enough = Int32(clamping: 2 * k + 1)
                        for x in 0..<width { isOutline[x] = alike[x] < enough }
                        body(y, labels.baseAddress! + y * width, isOutline)
                    }
                }
            }
        }
    }

    /// Updates `alike` for the next row, run of equal labels by run.
    private static func count(
        _ row: UnsafePointer<UInt8>, isFirst: Bool, _ k: Int, _ alike: UnsafeMutableBufferPointer<Int32>
    ) {
        let width = alike.count
        var start = 0
        while start < width {
            let end = endOfRun(row, from: start, width)
            // Outside of these, k pixels to the left or right have another label.
            let first = start == 0 ? 0 : min(start + k, end)
            let last = end == width ? width : max(first, end - k)
            for x in start..<first { alike[x] = 0 }
            for x in last..<end { alike[x] = 0 }
            if isFirst {
                for x in first..<last { alike[x] = Int32(clamping: k + 1) }
            } else {
                let above = row - width
                for x in first..<last { alike[x] = alike[x] > 0 && row[x] == above[x] ? alike[x] &+ 1 : 1 }
            }
            start = end
        }
    }

    /// The end of the run of labels that begins at `start`; compares eight at a time.
    private static func endOfRun(_ row: UnsafePointer<UInt8>, from start: Int, _ width: Int) -> Int {
        let label = row[start]
        let eight = UInt64(label) &* 0x0101_0101_0101_0101
        var end = start + 1
        while end + 8 <= width, UnsafeRawPointer(row + end).loadUnaligned(as: UInt64.self) == eight { end += 8 }
        while end < width, row[end] == label { end += 1 }
        return end
    }
}
