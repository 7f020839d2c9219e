import Files
import Foundation
import Imaging
import Segmentation
import TensorFiles

/// A result for viewing: two volumes of bytes, turned so that columns run to the patient's left,
/// rows to the back and slices to the head.
struct JobView: Codable, Sendable {
    /// Slices, rows and columns.
    let shape: VolumeShape
    /// Millimetres between them; nil if the file does not say.
    let spacing: VoxelSpacing?
    /// True if the file gives the voxels' directions; otherwise they are shown as stored.
    let isOriented: Bool
    /// The slice, row and column with the most labelled voxels.
    let center: [Int]
    let labels: [Label]
    let notes: [String]
    /// True if there is a DICOM segmentation too.
    let hasSegmentation: Bool

    struct Label: Codable, Sendable {
        let label: Int
        let name: String
        let color: [UInt8]
        let voxels: Int
        let milliliters: Double?

        private enum CodingKeys: String, CodingKey { case label, name, color, voxels, milliliters = "volume_ml" }
    }

    private enum CodingKeys: String, CodingKey {
        case shape, spacing, isOriented = "is_oriented", center, labels, notes
        case hasSegmentation = "has_segmentation"
    }

    private static let name = "view.json"

    /// The two layers of a plane.
    enum Layer: String, CaseIterable, Sendable { case image, labels }

    /// The planes: slices, rows and columns.
    enum Plane: String, CaseIterable, Sendable { case axial, coronal, sagittal }

    static func write(
        _ volume: VolumeFile, _ prepared: PreparedVolume, _ labels: LabelVolume, _ segmenter: Segmenter, notes: [String],
        hasSegmentation: Bool, in folder: URL
    ) throws {
        let turn = volume.voxelOrder.flatMap { order in VoxelOrder("LPS").map { order.turn(to: $0) } } ?? .none
        let shape = turn.applied(to: labels.shape)
        let shown = prepared.shown.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        let turned = turn.applied(to: labels.labels, labels.shape)
        try AtomicFile.write(turn.applied(to: shown, labels.shape), to: folder.appending(path: Layer.image.rawValue))
        try AtomicFile.write(turned, to: folder.appending(path: Layer.labels.rawValue))
        var counts = [Int](repeating: 0, count: 256)
        for label in turned { counts[Int(label)] += 1 }
        let view = JobView(
            shape: shape, spacing: volume.spacing.map(turn.applied(to:)), isOriented: volume.voxelOrder != nil,
            center: center(turned, shape),
            labels: segmenter.labels.map { label in
                let count = counts[label.value & 255]
                return Label(
                    label: label.value, name: label.name, color: label.color, voxels: count,
                    milliliters: volume.voxelVolume.map { (Double(count) * $0).rounded() / 1000 })
            }, notes: notes, hasSegmentation: hasSegmentation)
        try AtomicFile.write([UInt8](JSONEncoder().encode(view)), to: folder.appending(path: Self.name))
    }

    static func read(_ folder: URL) throws -> JobView {
        try JSONDecoder().decode(JobView.self, from: Data(contentsOf: folder.appending(path: name)))
    }

    /// Along each axis, the position with the most labelled voxels; the middle if there are none.
    private static func center(_ labels: [UInt8], _ shape: VolumeShape) -> [Int] {
        var sums = [
            [Int](repeating: 0, count: shape.depth), [Int](repeating: 0, count: shape.height), [Int](repeating: 0, count: shape.width),
        ]
        for z in 0..<shape.depth {
            for y in 0..<shape.height {
                let start = (z * shape.height + y) * shape.width
                for x in 0..<shape.width where labels[start + x] > 0 {
                    sums[0][z] += 1
                    sums[1][y] += 1
                    sums[2][x] += 1
                }
            }
        }
        return sums.map { sums in
            let most = sums.max() ?? 0
            return most == 0 ? sums.count / 2 : sums.firstIndex(of: most) ?? 0
        }
    }

    /// The number of planes of a kind.
    func count(_ plane: Plane) -> Int {
        switch plane {
        case .axial: shape.depth
        case .coronal: shape.height
        case .sagittal: shape.width
        }
    }

    /// A plane as a grey PNG, head or front at the top. Reads only that part of the file.
    func png(_ layer: Layer, _ plane: Plane, _ index: Int, in folder: URL) throws -> [UInt8] {
        let file = try FileHandle(forReadingFrom: folder.appending(path: layer.rawValue))
        defer { try? file.close() }
        let (D, H, W) = (shape.depth, shape.height, shape.width)
        func read(_ offset: Int, _ count: Int) throws -> Data {
            try file.seek(toOffset: UInt64(offset))
            return try file.read(upToCount: count) ?? Data()
        }
        var pixels: [UInt8] = []
        switch plane {
        case .axial: pixels = try [UInt8](read(index * H * W, H * W))
        case .coronal: for z in (0..<D).reversed() { pixels += try read((z * H + index) * W, W) }
        case .sagittal:
            for z in (0..<D).reversed() {
                let slice = try [UInt8](read(z * H * W, H * W))
                guard slice.count == H * W else { break }
                for y in 0..<H { pixels.append(slice[y * W + index]) }
            }
        }
        let (width, height) = plane == .axial ? (W, H) : plane == .coronal ? (W, D) : (H, D)
        guard pixels.count == width * height else { throw Problem(.internalServerError, "the result cannot be read") }
        return try PictureFile.png(Picture(width: width, height: height, channels: 1, pixels: pixels))
    }
}
