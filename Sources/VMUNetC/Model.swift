import CInterface
import Files
import Imaging
import Segmentation
import ShippedWeights
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The object behind a `vmunet_segmenter`.
final class Model: Sendable {
    private let segmenter: Segmenter
    /// The text of `vmunet_describe`.
    let description: String

    /// The model that `vmunet_open` returned a pointer to.
    static func at(_ pointer: OpaquePointer?) -> Model? {
        pointer.map { Unmanaged<Model>.fromOpaque(UnsafeRawPointer($0)).takeUnretainedValue() }
    }

    /// Zero stands for the weights' own size and threshold, and for the machine's threads.
    init(weights: String?, imageSize: Int64, threshold: Double, threads: Int64) throws {
        guard (0...4096).contains(threads) else { throw CallError("threads: expected 0 to 4096, got \(threads)") }
        let compute = Compute(device: .cpu, threads: threads == 0 ? nil : Int(threads))
        let (size, least) = (imageSize == 0 ? nil : Int(imageSize), threshold == 0 ? nil : threshold)
        if let weights {
            segmenter = try Segmenter(
                weights: Self.file(weights), imageSize: size, threshold: least, compute: compute, networks: .library)
        } else {
            segmenter = try Segmenter(
                weights: ShippedWeights.isic17, name: "isic17.safetensors", imageSize: size, threshold: least, compute: compute)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        description = String(decoding: try encoder.encode(Facts(segmenter)), as: UTF8.self)
    }

    /// The file that a path names: itself, or a run's best weights for the run's folder.
    private static func file(_ path: String) throws -> URL {
        let url = URL(filePath: path)
        guard FolderListing.isFolder(url) else { return url }
        guard let found = FolderListing.bestWeights(of: url) else {
            throw FileError(
                .unreadable, file: path, reason: "is a folder without \(FolderListing.bestWeights), which a run has",
                remedy: "name a file of weights, or a run's folder")
        }
        return found
    }

    /// The weights' metadata, for other programs.
    private struct Facts: Encodable {
        let classes: Int, class_names: [String], image_size: Int, threshold: Float
        let input: String?, modality: String?, channels: [String]?, voxel_order: String?, summary: String?

        init(_ segmenter: Segmenter) {
            let known = segmenter.metadata
            classes = max(2, segmenter.network.classes)
            class_names = (0..<classes).map { $0 == 0 && segmenter.classNames == nil ? "background" : segmenter.name(of: $0) }
            (image_size, threshold) = (segmenter.imageSize, segmenter.threshold)
            (input, modality, channels) = (known.input?.rawValue, known.modality, known.channels)
            (voxel_order, summary) = (known.voxelOrder?.description, known.summary)
        }
    }

    func segment(
        _ pixels: UnsafePointer<UInt8>, height: Int64, width: Int64, channels: Int64, labels: UnsafeMutablePointer<UInt8>,
        probability: UnsafeMutablePointer<UInt8>?
    ) throws {
        guard segmenter.metadata.input != .volumes else {
            throw CallError("these weights segment volumes", remedy: "Give slices, rows and columns of intensities.")
        }
        let layouts: [Int64: PixelLayout] = [1: .grey, 3: .rgb, 4: .rgba]
        guard let layout = layouts[channels] else { throw CallError("a pixel has 1, 3 or 4 bytes, got \(channels)") }
        let count = try Self.count([height, width], limit: PictureFile.pixelLimit, of: "pixels")
        let bytes = UnsafeBufferPointer(start: pixels, count: count * Int(channels))
        let found = try segmenter.segment(
            .pixels(Array(bytes), width: Int(width), height: Int(height), layout: layout))
        let foreground: UInt8? = segmenter.network.classes == 1 ? 255 : nil
        for (index, value) in found.mask.pixels.enumerated() { labels[index] = value == foreground ? 1 : value }
        if let probability {
            for (index, value) in found.probability.pixels.enumerated() { probability[index] = value }
        }
    }

    func segment(
        _ intensities: UnsafePointer<Float>, channels: Int64, shape: (Int64, Int64, Int64), affine: UnsafePointer<Double>?,
        labels: UnsafeMutablePointer<UInt8>
    ) throws {
        guard segmenter.metadata.input != .pictures else {
            throw CallError("these weights segment pictures", remedy: "Give rows and columns of bytes, grey or in colour.")
        }
        let count = try Self.count([shape.0, shape.1, shape.2], limit: 1 << 31, of: "voxels")
        guard (1...16).contains(channels) else { throw CallError("a volume has 1 to 16 channels, got \(channels)") }
        let matrix = affine.map { affine in (0..<3).map { row in (0..<4).map { affine[row * 4 + $0] } } }
        let volumes = try (0..<Int(channels)).map { channel in
            try VolumeFile(
                intensities: Array(UnsafeBufferPointer(start: intensities + channel * count, count: count)),
                shape: VolumeShape(depth: Int(shape.0), height: Int(shape.1), width: Int(shape.2)), affine: matrix)
        }
        let found: VolumeSegmenter.Result
        do { found = try VolumeSegmenter(segmenter).segment(volumes) } catch let error as DataError { throw error.ofArray }
        for (index, value) in found.labels.labels.enumerated() { labels[index] = value }
    }

    /// The product of extents, within bounds.
    private static func count(_ extents: [Int64], limit: Int, of what: String) throws -> Int {
        guard let count = HostTensor.elementCount(shape: extents.map(Int.init)), (1...limit).contains(count) else {
            let shape = extents.map(String.init).joined(separator: "×")
            throw CallError("expected 1 to \(limit) \(what), got \(shape)")
        }
        return count
    }
}
