import Files
import Imaging

extension VolumeSegmenter {
    /// Labels as ``segment(_:shape:progress:)`` gives them, and how probable each class but the
    /// background is: of each class (slices, rows, columns), 0…255 for 0…1, interpolated bilinearly
    /// from the network's size.
    public func segmentWithProbabilities(
        _ intensities: [Float], shape: VolumeShape, progress: (_ slices: Int) -> Void = { _ in }
    ) throws -> (labels: LabelVolume, probabilities: [[UInt8]]) {
        guard intensities.count == shape.count, shape.count > 0 else {
            throw VolumeError(
                operation: "volume segmentation", expected: "\(shape.count) intensities for \(shape)", got: "\(intensities.count)")
        }
        let shown = network.classes == 1 ? 0..<1 : 1..<network.classes
        do { try Memory.ask(for: shown.count * shape.count) } catch {
            throw VolumeError(
                operation: "probabilities", expected: "memory for \(shown.count) classes of \(shape.count) voxels", got: error.reason)
        }
        let resizer = SliceResizer(slice: shape.plane, network: networkSize)
        let (area, from, to) = (shape.plane.count, (networkSize.height, networkSize.width), (shape.height, shape.width))
        var labels: [UInt8] = []
        var probabilities = [[UInt8]](repeating: [], count: shown.count)
        labels.reserveCapacity(shape.count)
        for start in stride(from: 0, to: shape.depth, by: batchSize) {
            let count = min(batchSize, shape.depth - start)
            let planes = Parallel.map(count) { resizer.prepare(Array(intensities[(start + $0) * area..<(start + $0 + 1) * area])) }
            let logits = try network.answer(
                planes.flatMap(\.self), batch: count, height: networkSize.height, width: networkSize.width)
            labels += Parallel.map(count) { resizer.restore(logits.answer($0).labels(threshold: threshold)) }.flatMap(\.self)
            for slice in 0..<count {
                let p = network.classes == 1 ? logits.foreground(slice) : logits.probabilities(slice)
                for (place, c) in shown.enumerated() {
                    let plane = Array(p[c * networkSize.count..<(c + 1) * networkSize.count])
                    Resize.bilinearRows(plane, from: from, to: to) { _, row in
                        probabilities[place] += row.map { UInt8(min(max($0, 0), 1) * 255 + 0.5) }
                    }
                }
            }
            progress(start + count)
        }
        return (try LabelVolume(shape: shape, labels: labels), probabilities)
    }
}
