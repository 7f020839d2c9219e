import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The regions of a DICOM structure set (RTSTRUCT), as radiotherapy draws them: closed contours on
/// slices.
public struct StructureSet: Sendable {
    /// The regions that have contours: their labels count from 1 in the file's order.
    public let regions: [VolumeLabel]
    private let file: DICOMFile
    private let contours: [[DataSet]]

    /// Reads the names. Throws ``/Files/FileError`` for files that are not structure sets.
    public init(_ url: URL) throws(FileError) {
        let file = try DICOMFile(url)
        self = try naming(url) { try StructureSet(file) }
    }

    private init(_ file: DICOMFile) throws {
        self.file = file
        guard file.dataSet[.regionSequence] != nil else { throw Fault(.wrongFormat, "is no DICOM structure set") }
        let items = file.dataSet.items(.regionContours)
        var found: [(label: VolumeLabel, contours: [DataSet])] = []
        for region in file.dataSet.items(.regionSequence) {
            guard let number = region.integer(.regionNumber),
                let item = items.first(where: { $0.integer(.referencedRegion) == number })
            else { continue }
            let closed = item.items(.contours).filter { $0.text(.contourType) == "CLOSED_PLANAR" }
            guard !closed.isEmpty else { continue }
            guard found.count < 255 else { throw Fault(.unsupported, "has more than 255 regions", remedy: "save fewer regions in a file") }
            let color = item.decimals(.regionColor) ?? []
            found.append(
                (
                    VolumeLabel(
                        value: found.count + 1, name: region.text(.regionName) ?? "region \(number)",
                        color: color.count == 3 ? color.map { UInt8(min(max($0, 0), 255)) } : [128, 128, 128]), closed
                ))
        }
        regions = found.map(\.label)
        contours = found.map(\.contours)
    }

    /// The labels on an image's voxels, (slices, rows, columns): a voxel is in a region if its
    /// centre is inside an odd number of the region's contours on its slice, or on one of them. Some
    /// regions or all.
    public func labels(
        shape: [Int], geometry: VolumeGeometry, only some: Set<Int>? = nil
    ) throws(FileError) -> (labels: [UInt8], notes: [String]) {
        try naming(file.url) { try drawn(on: VoxelGrid(shape: shape, geometry: geometry), only: some) }
    }

    /// The frame of reference that its contours lie in; nil if it names none.
    public var frameOfReference: String? {
        file.dataSet.text(.frameOfReference) ?? file.dataSet.first(.referencedFrames)?.text(.frameOfReference)
    }

    private func drawn(on grid: VoxelGrid, only some: Set<Int>?) throws -> (labels: [UInt8], notes: [String]) {
        var canvas = try LabelCanvas(count: grid.shape.reduce(1, *))
        var (beside, work) = (0, 0)
        for (label, contours) in zip(regions, contours) where some?.contains(label.value) ?? true {
            var edges: [Int: [Edge]] = [:]
            for contour in contours {
                let points = try points(contour).map { grid.voxel($0) }
                guard !points.isEmpty else { continue }
                let slice = points[0][2].rounded()
                guard points.allSatisfy({ $0.allSatisfy { $0.isFinite && abs($0) < 1e6 } && abs($0[2] - slice) < 0.3 }) else {
                    throw Fault(
                        .unsupported, "has a contour of '\(label.name.printable(limit: 40))' that lies on no slice of the image",
                        remedy: "give the image that it was drawn on")
                }
                guard (0..<grid.shape[0]).contains(Int(slice)) else {
                    beside += 1
                    continue
                }
                for (a, b) in zip(points, points.dropFirst() + [points[0]]) {
                    edges[Int(slice), default: []].append(a[1] < b[1] ? Edge(from: a, to: b) : Edge(from: b, to: a))
                }
            }
            for (slice, edges) in edges {
                work += fill(edges, slice, UInt8(label.value), grid, &canvas)
                guard work <= Self.mostWork(grid) else {
                    throw Fault(.limit, "draws over the image far more often than regions do", remedy: "save fewer regions in a file")
                }
            }
        }
        var notes = canvas.notes
        if beside > 0 { notes.append("\(beside) contours lie beside the image") }
        return (canvas.labels, notes)
    }

    private struct Edge {
        let from: [Double], to: [Double]
    }

    /// A file of regions draws a voxel, or crosses a row, that often at most.
    private static func mostWork(_ grid: VoxelGrid) -> Int { 32 * grid.shape.reduce(1, *) + 1 << 20 }

    /// Centres closer to a contour than this, in voxels, are on it, since files round coordinates.
    private static let onContour = 0.005

    /// The voxels whose centres an edge passes. Tools such as rt-utils draw through the centres of a
    /// region's outermost voxels, which would be lost. Returns the number of centres looked at.
    private func trace(_ edge: Edge, _ slice: Int, _ label: UInt8, _ grid: VoxelGrid, _ canvas: inout LabelCanvas) -> Int {
        let run = [edge.to[0] - edge.from[0], edge.to[1] - edge.from[1]]
        // Along the axis on which the edge is longer.
        let along = abs(run[0]) >= abs(run[1]) ? 0 : 1, across = 1 - along
        let ends = [edge.from[along], edge.to[along]].sorted(), sides = [grid.shape[2], grid.shape[1]]
        let first = max(0, Int((ends[0] - Self.onContour).rounded(.up)))
        let last = min(sides[along] - 1, Int((ends[1] + Self.onContour).rounded(.down)))
        guard first <= last else { return 0 }
        for step in first...last {
            let share = run[along] == 0 ? 0 : min(max((Double(step) - edge.from[along]) / run[along], 0), 1)
            let place = edge.from[across] + share * run[across]
            guard abs(place - place.rounded()) <= Self.onContour, (0..<sides[across]).contains(Int(place.rounded())) else { continue }
            let (column, row) = along == 0 ? (step, Int(place.rounded())) : (Int(place.rounded()), step)
            canvas.put(label, at: (slice * grid.shape[1] + row) * grid.shape[2] + column)
        }
        return last - first + 1
    }

    /// Between every second crossing of a row of voxel centres, and on the edges. Returns the number of
    /// crossings and of voxels drawn.
    private func fill(_ edges: [Edge], _ slice: Int, _ label: UInt8, _ grid: VoxelGrid, _ canvas: inout LabelCanvas) -> Int {
        var rows: [Int: [Double]] = [:]
        var work = 0
        for edge in edges {
            work += trace(edge, slice, label, grid, &canvas)
            guard edge.from[1] != edge.to[1] else { continue }
            let first = max(0, Int(edge.from[1].rounded(.up))), last = min(grid.shape[1] - 1, Int(edge.to[1].rounded(.up)) - 1)
            guard first <= last else { continue }
            work += last - first + 1
            guard work <= Self.mostWork(grid) else { return work }
            for row in first...last {
                let share = (Double(row) - edge.from[1]) / (edge.to[1] - edge.from[1])
                rows[row, default: []].append(edge.from[0] + share * (edge.to[0] - edge.from[0]))
            }
        }
        for (row, crossings) in rows {
            let sorted = crossings.sorted()
            for pair in stride(from: 0, to: sorted.count - 1, by: 2) {
                let first = max(0, Int(sorted[pair].rounded(.up))), last = min(grid.shape[2] - 1, Int(sorted[pair + 1].rounded(.up)) - 1)
                guard first <= last else { continue }
                work += last - first + 1
                for column in first...last { canvas.put(label, at: (slice * grid.shape[1] + row) * grid.shape[2] + column) }
            }
        }
        return work
    }

    private func points(_ contour: DataSet) throws -> [[Double]] {
        let text = String(decoding: try file.bytes(.contourData, of: contour) ?? [], as: UTF8.self)
        let numbers = text.split(separator: "\\").map { Double(String($0.filter { $0 != " " && $0 != "\0" })) ?? .nan }
        guard numbers.count.isMultiple(of: 3), numbers.allSatisfy(\.isFinite) else {
            throw Fault(.corrupt, "has a contour whose points are not numbers")
        }
        return stride(from: 0, to: numbers.count, by: 3).map { Array(numbers[$0..<$0 + 3]) }
    }
}
