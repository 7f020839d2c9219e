/// Samples side by side, ready to be copied into tensors.
package struct Batch: Sendable {
    /// Intensities: count × channels × height × width.
    package var images: [Float]
    /// The truth, as in the samples: count × height × width.
    package var target: Sample.Target
    /// Planes per picture.
    package var channels: Int
    /// Rows.
    package var height: Int
    /// Columns.
    package var width: Int
    /// The samples' positions in the data set.
    package var indices: [Int]
    /// The samples' names, for messages.
    package var names: [String]

    /// The number of samples.
    package var count: Int { indices.count }

    /// Joins samples. Throws ``DataError`` if their shapes or kinds of target differ.
    init(_ samples: [Sample], indices: [Int]) throws(DataError) {
        precondition(!samples.isEmpty && samples.count == indices.count)
        let first = samples[0]
        (channels, height, width) = (first.channels, first.height, first.width)
        (self.indices, names) = (indices, samples.map(\.name))

        let area = height * width
        try Self.requireMemory(for: samples.count, like: first)
        images = []
        images.reserveCapacity(samples.count * channels * area)
        for sample in samples {
            guard
                (sample.channels, sample.height, sample.width) == (channels, height, width),
                sample.image.count == channels * area
            else {
                throw DataError(
                    .shape, path: sample.name,
                    "\(sample.channels)×\(sample.height)×\(sample.width), where \(first.name) is \(channels)×\(height)×\(width)",
                    remedy: "Samples of one batch must have one shape.")
            }
            images += sample.image
        }
        switch first.target {
        case .binary: target = .binary(try Self.joined(samples, area: area) { if case .binary(let plane) = $0 { plane } else { nil } })
        case .labels: target = .labels(try Self.joined(samples, area: area) { if case .labels(let plane) = $0 { plane } else { nil } })
        }
    }

    /// Throws ``DataError`` unless there is memory for a batch of samples like this one.
    /// - Parameter copies: how many times the samples will be there.
    static func requireMemory(for count: Int, like sample: Sample, copies: Int = 1) throws(DataError) {
        try DataError.requireMemory(
            copies * count * sample.byteCount, for: "a batch of \(count) pictures of \(sample.height)×\(sample.width)",
            remedy: "Lower --batch-size or --image-size.")
    }

    private static func joined<Value>(
        _ samples: [Sample], area: Int, plane: (Sample.Target) -> [Value]?
    ) throws(DataError) -> [Value] {
        var all: [Value] = []
        all.reserveCapacity(samples.count * area)
        for sample in samples {
            guard let values = plane(sample.target), values.count == area else {
                throw DataError(
                    .shape, path: sample.name, "its target is of another kind or size than its picture or its neighbours'",
                    remedy: "Samples of one set must have targets of one kind, one value per pixel.")
            }
            all += values
        }
        return all
    }
}
