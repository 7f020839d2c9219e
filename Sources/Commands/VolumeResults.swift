import DICOM
import Files
import Imaging
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Writes a volume's results in every requested form.
package struct VolumeResults {
    let item: InputList.Item
    let volume: VolumeFile
    let prepared: PreparedVolume
    /// The labels and the requested maps, in the file's own order.
    let maps: VolumeMaps
    let names: [VolumeLabel]
    /// The program and weights that made it.
    let provenance: String
    let codes: SegmentCodes

    package init(
        item: InputList.Item, volume: VolumeFile, prepared: PreparedVolume, maps: VolumeMaps, names: [VolumeLabel], provenance: String,
        codes: SegmentCodes
    ) {
        (self.item, self.volume, self.prepared, self.maps) = (item, volume, prepared, maps)
        (self.names, self.provenance, self.codes) = (names, provenance, codes)
    }

    private var labels: LabelVolume { maps.labels }

    package func write(_ files: ResultFiles, format: VolumeOutput) throws {
        switch format {
        case .png: try format.requireFitting(item)
        case .nifti, .nrrd, .metaImage:
            try labels.write(to: files.mask, geometry: volume.geometry, description: provenance, labels: names)
        case .dicomSegmentation:
            try SegmentationObject(labels: labels.labels, names: names, source: source(), codes: codes).write(to: files.mask)
        case .secondaryCapture: try drawSlices(to: files.mask)
        }
        if let overlay = files.overlay {
            let sheet = try VolumePreview.draw(labels, on: prepared.shown, order: volume.voxelOrder, spacing: volume.spacing)
            try PictureFile.write(sheet, to: overlay)
        }
        for (probability, url) in zip(maps.probabilities, files.probabilities) { try write(shares: probability, to: url) }
        if let uncertainty = files.uncertainty, !maps.uncertainty.isEmpty { try write(shares: maps.uncertainty, to: uncertainty) }
        if files.statistics.count == 2 {
            try AtomicFile.write(Array(RegionStatistics.csv(statistics).utf8), to: files.statistics[0])
            try AtomicFile.write(Array((JSONText.encode(statistics) + "\n").utf8), to: files.statistics[1])
        }
    }

    /// Writes values 0…255 as a volume of 0…1.
    private func write(shares: [UInt8], to url: URL) throws {
        let shape = [labels.shape.depth, labels.shape.height, labels.shape.width]
        let image = VolumeImage(
            voxels: HostTensor(shares, shape: shape), slope: 1 / 255, geometry: volume.geometry, description: provenance)
        try (VolumeFormat(url) ?? .nifti).write(image, to: url)
    }

    private var statistics: [RegionStatistics] {
        RegionStatistics.measure(
            labels, on: volume.intensities, names: names.map { ($0.value, $0.name) }, voxelVolume: volume.voxelVolume)
    }

    /// "spleen 152.3 ml" of each label.
    private var amounts: [String] {
        names.map { label in
            let count = labels.labels.reduce(0) { $0 + ($1 == UInt8(truncatingIfNeeded: label.value) ? 1 : 0) }
            guard let size = volume.voxelVolume else { return "\(label.name) \(counted(count, "voxel"))" }
            return "\(label.name) \((Double(count) * size / 100).rounded() / 10) ml"
        }
    }

    /// The least height and width of a drawn slice, in pixels.
    private static let leastSide = 256

    /// The most rows and columns of a drawn slice whose pixels are no squares.
    private static let mostSide = 4096

    /// Rows and columns of a drawn slice: its pixels become squares, since viewers take those of a
    /// capture for squares, and a small one is enlarged, so that the letters leave it room.
    package static func drawnSize(_ plane: PlaneSize, _ spacing: VoxelSpacing?) -> (height: Int, width: Int) {
        var (height, width) = (plane.height, plane.width)
        if let spacing, abs(spacing.height - spacing.width) > 1e-3 * spacing.height {
            let finest = min(spacing.height, spacing.width)
            func side(_ count: Int, _ step: Double) -> Int {
                max(count, Int(min(Double(count) * step / finest, Double(mostSide)).rounded()))
            }
            (height, width) = (side(height, spacing.height), side(width, spacing.width))
        }
        let times = max(1, (leastSide + min(width, height) - 1) / min(width, height))
        return (height * times, width * times)
    }

    /// Draws the slices with outlines and the classes' volumes.
    private func drawSlices(to folder: URL) throws {
        let (shape, shown, amounts) = (labels.shape, prepared.shown, amounts)
        let area = shape.plane.count, size = Self.drawnSize(shape.plane, volume.spacing)
        try SecondaryCapture(source: source(), version: Provenance.version).write(to: folder) { slice in
            let range = slice * area..<(slice + 1) * area
            func plane(_ pixels: [UInt8]) -> Picture {
                Picture(width: shape.width, height: shape.height, channels: 1, pixels: pixels)
            }
            let grey = plane(shown[range].map { UInt8((min(max($0, 0), 1) * 255).rounded()) })
            func sized(_ picture: Picture) -> Picture { Resize.nearest(picture, to: size) }
            var drawn = try Overlay.draw(sized(plane(Array(labels.labels[range]))), on: sized(grey), opacity: 0)
            // Readable letters, if the picture is large enough.
            let scale = max(1, min(drawn.width, drawn.height) / 256)
            for (line, text) in amounts.enumerated() {
                drawn.write(text, left: 4, top: 4 + line * 12 * scale, scale: scale)
            }
            return (drawn.pixels, drawn.height, drawn.width)
        }
    }

    private func source() throws -> DICOMSource { try Self.source(of: volume, item) }

    /// The images that a DICOM result refers to. Throws if the slices are not such images.
    static func source(of volume: VolumeFile, _ item: InputList.Item) throws -> DICOMSource {
        if let source = volume.source { return source }
        try VolumeOutput.dicomSegmentation.requireFitting(item)
        throw InputError(
            "was interpolated, so its slices are not images of the archive; leave --resample out, or choose another --format")
    }

    /// The tables of names and colours, beside the label maps of a folder.
    package static func writeTables(_ names: [VolumeLabel], in folder: URL) throws {
        for (name, text) in [
            ("labels.json", try LabelTables.json(names)), ("labels.txt", LabelTables.itkSnap(names)),
            ("labels.ctbl", LabelTables.slicer(names)),
        ] {
            try AtomicFile.write(Array(text.utf8), to: folder.appending(path: name))
        }
    }
}
