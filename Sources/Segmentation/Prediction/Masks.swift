import Imaging

/// Turns a network's result at its input size into labels of the picture's own size.
public enum Masks {
    /// Rows and columns.
    public typealias Size = (height: Int, width: Int)

    /// 1 where the foreground's probability is at least `threshold`, otherwise 0. The
    /// probabilities, [height, width], are interpolated bilinearly; `row` receives each
    /// interpolated row, from top to bottom.
    public static func foreground(
        _ probabilities: [Float], from: Size, to: Size, threshold: Float,
        row body: (_ y: Int, _ row: UnsafeBufferPointer<Float>) -> Void = { _, _ in }
    ) -> [UInt8] {
        var labels = [UInt8](repeating: 0, count: to.height * to.width)
        Resize.bilinearRows(probabilities, from: from, to: to) { y, row in
            for x in row.indices where row[x] >= threshold { labels[y * to.width + x] = 1 }
            body(y, row)
        }
        return labels
    }

    /// The class with the greatest interpolated probability, from probabilities [classes, height,
    /// width]. Outlines are smoother than with labels resized by nearest. `row` receives each row
    /// of the background's interpolated probabilities.
    public static func labels(
        _ probabilities: [Float], classes: Int, from: Size, to: Size,
        row body: (_ y: Int, _ row: UnsafeBufferPointer<Float>) -> Void = { _, _ in }
    ) -> [UInt8] {
        let area = from.height * from.width
        var best = [Float](repeating: -1, count: to.height * to.width)
        var labels = [UInt8](repeating: 0, count: best.count)
        for c in 0..<classes {
            Resize.bilinearRows(Array(probabilities[c * area..<(c + 1) * area]), from: from, to: to) { y, row in
                for x in row.indices where row[x] > best[y * to.width + x] {
                    (best[y * to.width + x], labels[y * to.width + x]) = (row[x], UInt8(truncatingIfNeeded: c))
                }
                if c == 0 { body(y, row) }
            }
        }
        return labels
    }
}
