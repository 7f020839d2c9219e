import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A DICOM segmentation as labels: BINARY, LABELMAP, and FRACTIONAL from one half on.
public struct SegmentationFile: Sendable {
    /// The segments: their numbers are the labels.
    public let segments: [VolumeLabel]
    private let file: DICOMFile
    private let rows: Int, columns: Int
    private let bits: Int
    /// The value that means 1 in a fractional segmentation.
    private let whole: Int
    private let isLabelMap: Bool
    private let frames: [Frame]

    private struct Frame {
        /// Nil for a label map, whose pixels tell.
        let segment: UInt8?
        let position: [Double]
        let rowDirection: [Double]
        let columnDirection: [Double]
        let spacing: [Double]
    }

    /// Reads everything but the pixels. Throws ``/Files/FileError`` for files that are no
    /// segmentation.
    public init(_ url: URL) throws(FileError) {
        let file = try DICOMFile(url)
        self = try naming(url) { try SegmentationFile(file) }
    }

    private init(_ file: DICOMFile) throws {
        self.file = file
        let set = file.dataSet
        guard let kind = set.text(.segmentationType), ["BINARY", "FRACTIONAL", "LABELMAP"].contains(kind) else {
            throw Fault(.wrongFormat, "is no DICOM segmentation")
        }
        guard file.syntax.pixels == .native else {
            throw Fault(.unsupported, "is compressed (\(file.syntax.name))", remedy: "save the segmentation uncompressed")
        }
        guard let rows = set.integer(.rows), let columns = set.integer(.columns), (1...32_767).contains(rows),
            (1...32_767).contains(columns),
            let bits = set.integer(.bitsAllocated), kind == "BINARY" ? bits == 1 : bits == 8 || bits == 16,
            let count = set.integer(.frames), (1...1 << 17).contains(count)
        else { throw Fault(.corrupt, "does not say of which size and kind its frames are") }
        (self.rows, self.columns, self.bits, isLabelMap) = (rows, columns, bits, kind == "LABELMAP")
        whole = set.integer(.maximumFraction) ?? 255
        segments = try set.items(.segments).map { item in
            guard let number = item.integer(.segmentNumber), (0...255).contains(number) else {
                throw Fault(.unsupported, "numbers a segment above 255", remedy: "save fewer segments in a file")
            }
            return VolumeLabel(value: number, name: item.text(.segmentLabel) ?? "segment \(number)", color: [128, 128, 128])
        }
        let shared = set.first(.sharedGroups), each = set.items(.frameGroups), isLabelMap = kind == "LABELMAP"
        frames = try (0..<count).map { index in
            let places = [index < each.count ? each[index] : nil, shared].compactMap(\.self)
            func find(_ group: Tag, _ tag: Tag, _ count: Int) throws -> [Double] {
                for place in places { if let found = place.first(group)?.decimals(tag), found.count == count { return found } }
                throw Fault(.unsupported, "does not say where its frame \(index + 1) lies", remedy: "save it with its frame of reference")
            }
            let segment = places.compactMap { $0.first(.segmentIdentification)?.integer(.referencedSegment) }.first
            guard isLabelMap || segment.map({ (1...255).contains($0) }) == true else {
                throw Fault(.corrupt, "does not say to which segment its frame \(index + 1) belongs")
            }
            let orientation = try find(.planeOrientation, .orientation, 6)
            return Frame(
                segment: isLabelMap ? nil : segment.map { UInt8(truncatingIfNeeded: $0) },
                position: try find(.planePosition, .position, 3), rowDirection: Array(orientation[0..<3]),
                columnDirection: Array(orientation[3..<6]), spacing: try find(.pixelMeasures, .pixelSpacing, 2))
        }
    }

    /// The frame of reference that its frames lie in; nil if it names none.
    public var frameOfReference: String? { file.dataSet.text(.frameOfReference) }

    /// The labels on an image's voxels, (slices, rows, columns), of some segments or all, and notes
    /// on oddities. Throws for a segmentation on another grid than the image.
    public func labels(
        shape: [Int], geometry: VolumeGeometry, only some: Set<Int>? = nil
    ) throws(FileError) -> (labels: [UInt8], notes: [String]) {
        try naming(file.url) { try drawn(on: VoxelGrid(shape: shape, geometry: geometry), only: some) }
    }

    private func drawn(on grid: VoxelGrid, only some: Set<Int>?) throws -> (labels: [UInt8], notes: [String]) {
        var canvas = try LabelCanvas(count: grid.shape.reduce(1, *))
        let area = rows * columns
        let isWanted = (0...255).map { some?.contains($0) ?? true }
        for (index, frame) in frames.enumerated() {
            let start = try whole(grid.voxel(frame.position), "frame \(index + 1)", tolerance: 0.05)
            let right = try whole(grid.steps(frame.rowDirection.map { $0 * frame.spacing[1] }), "frame \(index + 1)", tolerance: 0.001)
            let down = try whole(grid.steps(frame.columnDirection.map { $0 * frame.spacing[0] }), "frame \(index + 1)", tolerance: 0.001)
            if let segment = frame.segment, !isWanted[Int(segment)] { continue }
            let pixels = try pixels(frame: index, area: area)
            for place in 0..<area where pixels[place] != 0 && isWanted[Int(frame.segment ?? pixels[place])] {
                let (row, column) = (place / columns, place % columns)
                let voxel = (0..<3).map { start[$0] + column * right[$0] + row * down[$0] }
                guard voxel[0] >= 0, voxel[1] >= 0, voxel[2] >= 0, voxel[0] < grid.shape[2], voxel[1] < grid.shape[1],
                    voxel[2] < grid.shape[0]
                else { throw Fault(.unsupported, "goes beyond the image", remedy: "give the image that it was made on") }
                canvas.put(frame.segment ?? pixels[place], at: (voxel[2] * grid.shape[1] + voxel[1]) * grid.shape[2] + voxel[0])
            }
        }
        return (canvas.labels, canvas.notes)
    }

    /// Numbers of voxels, which must be whole but for rounding in a header.
    private func whole(_ numbers: [Double], _ what: String, tolerance: Double) throws -> [Int] {
        try numbers.map { number in
            guard number.isFinite, abs(number) < 1e6, abs(number - number.rounded()) <= tolerance else {
                throw Fault(
                    .unsupported, "has other pixels than the image: its \(what) lies between voxels",
                    remedy: "give the image that it was made on")
            }
            return Int(number.rounded())
        }
    }

    /// One number per pixel: the label in a label map, otherwise 1 inside the segment.
    private func pixels(frame: Int, area: Int) throws -> [UInt8] {
        let size = (area * bits * frames.count + 7) / 8
        let content = file.content, offset: Int
        let stored: [UInt8]?
        switch file.dataSet[.pixels]?.value {
        case .place(let place, let count)? where count >= size: (offset, stored) = (place, nil)
        case .bytes(let bytes)? where bytes.count >= size: (offset, stored) = (0, bytes)
        default: throw Fault(.truncated, "truncated: its frames have fewer than \(size) bytes")
        }
        let first = area * bits * frame, last = area * bits * (frame + 1)
        let range = first / 8..<(last + 7) / 8
        let bytes = try stored.map { Array($0[range]) } ?? content.read(at: offset + range.lowerBound, count: range.count, "its frames")
        switch bits {
        case 1: return (0..<area).map { (bytes[(first + $0) / 8 - range.lowerBound] >> UInt8((first + $0) % 8)) & 1 }
        case 8: return isLabelMap ? bytes : bytes.map { 2 * Int($0) >= max(whole, 1) ? 1 : 0 }
        default:
            return try (0..<area).map { i in
                let value = Int(bytes.littleEndian(at: 2 * i, as: UInt16.self))
                guard isLabelMap else { return 2 * value >= max(whole, 1) ? 1 : 0 }
                guard value <= 255 else { throw Fault(.unsupported, "has labels above 255", remedy: "save fewer segments in a file") }
                return UInt8(value)
            }
        }
    }
}
