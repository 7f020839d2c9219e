import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A DICOM segmentation (BINARY) of a series' slices, which archives keep beside the images.
///
/// Written attribute by attribute as in PS3.3, A.51. LABELMAP segmentations would be smaller, but
/// today's archives and validators do not know them.
public struct SegmentationObject: Sendable {
    private let labels: [UInt8]
    private let names: [VolumeLabel]
    private let source: DICOMSource
    private let codes: SegmentCodes
    private let version: String

    private static let sopClass = "1.2.840.10008.5.1.4.1.1.66.4"

    /// A segmentation of labels, (slices, rows, columns), in the order of the volume that
    /// ``DICOMVolume`` read. `names` lists all segments, even those that were not found.
    public init(
        labels: [UInt8], names: [VolumeLabel], source: DICOMSource, codes: SegmentCodes = SegmentCodes(), version: String = "0.1"
    ) {
        (self.labels, self.names, self.source, self.codes, self.version) = (labels, names, source, codes, version)
    }

    /// Writes the file, whole or not at all.
    public func write(to url: URL) throws(FileError) {
        let bytes = try naming(url) { try encoded() }
        try AtomicFile.write(bytes, to: url)
    }

    func encoded() throws -> [UInt8] {
        let instance = DICOMWriter.uid()
        var set = DataSetBuilder()
        try set.describe(source, sopClass: Self.sopClass, sopInstance: instance, modality: "SEG", version: version, texts: texts)
        if source.first.text(.frameOfReference) != nil {
            set.copy(.frameOfReference, "UI", from: source.first)
        } else {
            // The standard demands one; without the images' own, theirs is a frame that nothing shares.
            set.text(.frameOfReference, "UI", DICOMWriter.uid())
        }
        set.copy(.positionReference, "LO", from: source.first)
        set.text(.imageType, "CS", "DERIVED\\PRIMARY")
        set.text(.seriesUID, "UI", DICOMWriter.uid())
        set.text(.seriesNumber, "IS", "300")
        set.text(.seriesDescription, "LO", "Segmentation by VM-UNet")
        set.text(.instanceNumber, "IS", "1")
        set.text(.contentLabel, "CS", "SEGMENTATION")
        set.text(.contentDescription, "LO", "")
        set.text(.contentCreator, "PN", "")
        set.text(.photometric, "CS", "MONOCHROME2")
        let (rows, columns) = (source.images[0].rows, source.images[0].columns)
        for (tag, value) in [
            (Tag.samples, 1), (.rows, rows), (.columns, columns), (.bitsAllocated, 1), (.bitsStored, 1), (.highBit, 0), (.pixelSign, 0),
        ] { set.shorts(tag, [value]) }
        set.text(.lossy, "CS", lossiness)
        set.text(.segmentationType, "CS", "BINARY")
        set.text(.segmentsOverlap, "CS", "NO")
        set.sequence(.segments, names.enumerated().map { segment($0 + 1, $1, in: set) })
        set.sequence(.referencedSeries, [references])
        addDimensions(&set)
        try addFrames(&set, area: rows * columns)
        return DICOMWriter.file(set, sopClass: Self.sopClass, sopInstance: instance)
    }

    /// The names and meanings of the segments.
    private var texts: [String] {
        names.flatMap { label in
            let entry = codes.entry(label.name)
            return [label.name] + [entry.category, entry.type, entry.modifier].compactMap { $0?.meaning }
        }
    }

    /// Images that were ever compressed with loss must stay marked.
    private var lossiness: String { source.images.contains(where: \.isLossy) ? "01" : "00" }

    private func segment(_ number: Int, _ label: VolumeLabel, in set: DataSetBuilder) -> DataSetBuilder {
        let entry = codes.entry(label.name)
        var item = DataSetBuilder()
        item.shorts(.segmentNumber, [number])
        item.text(.segmentLabel, "LO", set.ours(label.name))
        if !labels.contains(UInt8(truncatingIfNeeded: label.value)) { item.text(.segmentDescription, "ST", "nothing found") }
        item.text(.algorithmType, "CS", "AUTOMATIC")
        item.text(.algorithmName, "LO", "VM-UNet")
        item.sequence(.categoryCode, [set.code(entry.category)])
        var type = set.code(entry.type)
        if let modifier = entry.modifier { type.sequence(.typeModifier, [set.code(modifier)]) }
        item.sequence(.typeCode, [type])
        item.shorts(.displayColor, CIELab.scaled(label.color))
        return item
    }

    private var references: DataSetBuilder {
        var series = DataSetBuilder()
        series.text(.seriesUID, "UI", source.images[0].seriesUID)
        series.sequence(.referencedInstance, source.images.map { .reference($0) })
        return series
    }

    private func addDimensions(_ set: inout DataSetBuilder) {
        var organization = DataSetBuilder()
        organization.text(.dimensionUID, "UI", DICOMWriter.uid())
        set.sequence(.dimensionOrganization, [organization])
        let dimensions = [
            (Tag.referencedSegment, Tag.segmentIdentification, "Segment"), (Tag.position, Tag.planePosition, "Position"),
        ]
        set.sequence(
            .dimensionIndex,
            dimensions.map { pointer, group, label in
                var index = organization
                index.pointer(.dimensionPointer, pointer)
                index.pointer(.functionalGroupPointer, group)
                index.text(.dimensionLabel, "LO", label)
                return index
            })
    }

    private func addFrames(_ set: inout DataSetBuilder, area: Int) throws {
        let first = source.images[source.slices[0].image].frames[source.slices[0].frame]
        var orientation = DataSetBuilder(), measures = DataSetBuilder(), shared = DataSetBuilder()
        orientation.decimals(.orientation, (first.rowDirection ?? []) + (first.columnDirection ?? []))
        let step = PlacedAxes.length(source.axes.columns[2])
        measures.decimals(.pixelSpacing, first.spacing ?? [1, 1])
        measures.decimals(.sliceThickness, [first.thickness ?? step])
        measures.decimals(.spacingBetweenSlices, [step])
        shared.sequence(.planeOrientation, [orientation])
        shared.sequence(.pixelMeasures, [measures])
        set.sequence(.sharedGroups, [shared])

        var frames: [DataSetBuilder] = [], bits = BitPacker()
        for (place, label) in names.enumerated() {
            let value = UInt8(truncatingIfNeeded: label.value)
            let used = source.slices.indices.filter { labels[$0 * area..<($0 + 1) * area].contains(value) }
            // Viewers have trouble with gaps, so write every slice from the first to the last.
            guard let from = used.first, let to = used.last else { continue }
            try Memory.ask(for: (to - from + 1) * area / 8)
            for slice in from...to {
                bits.add(labels[slice * area..<(slice + 1) * area], value)
                frames.append(frame(segment: place + 1, slice: slice))
            }
        }
        if frames.isEmpty {
            // An object needs at least one frame.
            bits.add([UInt8](repeating: 0, count: area)[...], 1)
            frames.append(frame(segment: 1, slice: 0))
        }
        set.sequence(.frameGroups, frames)
        set.text(.frames, "IS", "\(frames.count)")
        set.bytes(.pixels, "OB", bits.bytes)
    }

    private func frame(segment: Int, slice: Int) -> DataSetBuilder {
        let image = source.images[source.slices[slice].image], frame = source.slices[slice].frame
        var content = DataSetBuilder(), position = DataSetBuilder(), identification = DataSetBuilder(), derivation = DataSetBuilder()
        content.longs(.dimensionIndexValues, [segment, slice + 1])
        position.decimals(.position, image.frames[frame].position ?? [])
        identification.shorts(.referencedSegment, [segment])
        derivation.sequence(.derivationCode, [derivation.code(.init(value: "113076", scheme: "DCM", meaning: "Segmentation"))])
        var reference = DataSetBuilder.reference(image, frame: image.frames.count > 1 ? frame : nil)
        reference.text(Tag(0x28, 0x135A), "CS", "YES")  // the frame is where the image's slice is
        reference.sequence(
            .purposeCode, [reference.code(.init(value: "121322", scheme: "DCM", meaning: "Source image for image processing operation"))])
        derivation.sequence(.sourceImage, [reference])
        var groups = DataSetBuilder()
        groups.sequence(.frameContent, [content])
        groups.sequence(.planePosition, [position])
        groups.sequence(.segmentIdentification, [identification])
        groups.sequence(.derivationImage, [derivation])
        return groups
    }
}
