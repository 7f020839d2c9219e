import Imaging

/// Turns a network's result at its input size into labels of the picture's own size.
package enum Masks {
    /// Rows and columns.
    package typealias Size = (height: Int, width: Int)

    /// `label` if the foreground is at least as probable as `threshold`, otherwise 0: probabilities
    /// [height, width], interpolated bilinearly.
    package static func foreground(_ probabilities: [Float], from: Size, to: Size, threshold: Float, label: UInt8 = 1) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: to.height * to.width) { labels, count in
            Resize.bilinearRows(probabilities, from: from, to: to) { y, row in
                let line = labels.baseAddress! + y * to.width
                for x in 0..<row.count { line[x] = row[x] >= threshold ? label : 0 }
            }
            count = to.height * to.width
        }
    }

    /// The class of the greatest interpolated probability, of probabilities [classes, height,
    /// width]: outlines are smoother than those of labels resized by nearest.
    package static func labels(_ probabilities: [Float], classes: Int, from: Size, to: Size) -> [UInt8] {
        let area = from.height * from.width
        var best = [Float](repeating: -1, count: to.height * to.width)
        var labels = [UInt8](repeating: 0, count: best.count)
        for c in 0..<classes {
            Resize.bilinearRows(Array(probabilities[c * area..<(c + 1) * area]), from: from, to: to) { y, row in
                for x in row.indices where row[x] > best[y * to.width + x] {
                    (best[y * to.width + x], labels[y * to.width + x]) = (row[x], UInt8(truncatingIfNeeded: c))
                }
            }
        }
        return labels
    }
}
