import Imaging

/// From what a network says of a picture, at the size that it sees, to labels of the picture's own size.
public enum Masks {
    /// Rows and columns.
    public typealias Size = (height: Int, width: Int)

    /// 1 where the foreground is at least as probable as `threshold`, otherwise 0: probabilities [height, width], interpolated bilinearly.
    ///
    /// - Parameter row: is given each row of interpolated probabilities, from top to bottom.
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

    /// The class of the greatest interpolated probability, of probabilities [classes, height, width]: outlines are smoother than
    /// those of labels resized by nearest.
    ///
    /// - Parameter row: is given each row of the background's interpolated probabilities.
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
