import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The segments of a `.seg.nrrd` of 3D Slicer that overlap: each lies in one of several label maps,
/// its layers.
package struct SegmentLayers: Sendable {
    /// The segments, numbered from 1 in the file's order, since each layer has numbers of its own.
    package let segments: [VolumeLabel]
    /// Slices, rows, columns.
    package let shape: [Int]
    /// The voxels' placement.
    package let geometry: VolumeGeometry
    private let layers: [[UInt8]]
    /// The layer of each segment, and its number there.
    private let places: [(layer: Int, value: Int)]

    /// Nil for a file of one layer. Throws for layers that hold no labels, and for segments in none.
    package init?(_ url: URL, limit: Int) throws(FileError) {
        let read = try naming(url) { () -> ([(label: VolumeLabel, layer: Int)], Int)? in
            let segments = SegmentKeys.segments(try NRRDHeader(FileReader(url)).keys)
            let channels = segments.isEmpty ? 1 : try NRRDFile.source(url).header.channels
            guard channels > 1 else { return nil }
            guard segments.count < 256, segments.allSatisfy({ (0..<channels).contains($0.layer) && (1...255).contains($0.label.value) })
            else {
                throw Fault(
                    .unsupported, "has segments beyond its \(channels) layers, or above 255", remedy: "save fewer segments in a file")
            }
            return (segments, channels)
        }
        guard let (found, channels) = read else { return nil }
        let image = try VolumeFormat.nrrd.read(url, limit: limit, allChannels: true)
        layers = try naming(url) {
            guard let labels = image.labels else {
                throw Fault(.unsupported, "holds layers of numbers that are no labels", remedy: "save it as a segmentation")
            }
            let size = labels.count / channels
            return (0..<channels).map { Array(labels[$0 * size..<($0 + 1) * size]) }
        }
        (shape, geometry) = (Array(image.voxels.shape.suffix(3)), image.geometry)
        segments = found.enumerated().map { VolumeLabel(value: $0 + 1, name: $1.label.name, color: $1.label.color) }
        places = found.map { ($0.layer, $0.label.value) }
    }

    /// The segments' numbers as one label map, of some segments or all: where they overlap, the last
    /// one's. Then notes on oddities.
    package func labels(only some: Set<Int>? = nil) throws(FileError) -> (labels: [UInt8], notes: [String]) {
        let canvas = try naming("the segments") { () -> LabelCanvas in
            var canvas = try LabelCanvas(count: shape.reduce(1, *))
            for (segment, place) in zip(segments, places) where some?.contains(segment.value) ?? true {
                for (voxel, value) in layers[place.layer].enumerated() where Int(value) == place.value {
                    canvas.put(UInt8(segment.value), at: voxel)
                }
            }
            return canvas
        }
        return (canvas.labels, canvas.notes)
    }
}
