import Imaging

/// The contents of a data set, for reports.
package struct DatasetSummary: Sendable, Equatable, Codable {
    /// Samples.
    package var count: Int
    /// 1 for binary sets; otherwise labels, background included.
    package var classes: Int
    /// Each class's share of all pixels, 0…1, at the size that samples are loaded at; background
    /// and foreground for binary sets.
    package var classFrequencies: [Double]
    /// The number of samples, spread evenly over the set, on which the shares were counted.
    package var sampled: Int
    /// The least and greatest width and height of the picture files; nil if the set has none of its
    /// own size.
    package var widths: ClosedRange<Int>?
    /// See ``widths``.
    package var heights: ClosedRange<Int>?
}

extension SegmentationDataset {
    /// Counts a set. Throws ``DataError`` if one of the counted samples cannot be read.
    package func summary(sampling limit: Int = 64) throws -> DatasetSummary {
        let sampled = min(count, max(0, limit))
        let shares = Parallel.map(Array(0..<sampled)) { i in Result { try shareOfClasses(at: i * count / sampled) } }
        var frequencies = [Double](repeating: 0, count: max(2, classes))
        for share in shares {
            for (label, value) in try share.get().enumerated() { frequencies[label] += value / Double(sampled) }
        }
        let sizes = try sourceSizes()
        return DatasetSummary(
            count: count, classes: classes, classFrequencies: frequencies, sampled: sampled,
            widths: Self.range(sizes.map(\.width)), heights: Self.range(sizes.map(\.height)))
    }

    /// The classes' shares in one sample. Ignored labels belong to none.
    private func shareOfClasses(at index: Int) throws -> [Double] {
        switch try load(at: index).target {
        case .binary(let plane):
            let counted = plane.filter { $0 >= 0 }
            let foreground = counted.reduce(0.0) { $0 + Double($1) } / Double(max(1, counted.count))
            return [1 - foreground, foreground]
        case .labels(let plane):
            return MaskReader.histogram(plane).prefix(max(2, classes)).map { Double($0) / Double(max(1, plane.count)) }
        }
    }

    private static func range(_ values: [Int]) -> ClosedRange<Int>? {
        guard let least = values.min(), let greatest = values.max() else { return nil }
        return least...greatest
    }
}
