import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A series of colour pictures of another series' slices, for viewers that do not show
/// segmentations.
public struct SecondaryCapture: Sendable {
    private let source: DICOMSource
    private let version: String

    private static let sopClass = "1.2.840.10008.5.1.4.1.1.7"

    /// A series beside the one from which a volume was read.
    public init(source: DICOMSource, version: String = "0.1") { (self.source, self.version) = (source, version) }

    /// Writes a file per slice into a folder, `IM0001.dcm` and on. `picture` returns the red, green
    /// and blue of a slice's pixels, (rows, columns, 3).
    public func write(to folder: URL, picture: (_ slice: Int) throws -> (pixels: [UInt8], rows: Int, columns: Int)) throws {
        try Folder.make(folder)
        let series = DICOMWriter.uid()
        for slice in source.slices.indices {
            let digits = "\(slice + 1)"
            let file = folder.appendingPathComponent("IM" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ".dcm")
            let (pixels, rows, columns) = try picture(slice)
            let bytes = try naming(file) { try encoded(slice, pixels, rows, columns, series: series) }
            try AtomicFile.write(bytes, to: file, isDurable: false)
        }
    }

    private func encoded(_ slice: Int, _ pixels: [UInt8], _ rows: Int, _ columns: Int, series: String) throws -> [UInt8] {
        let instance = DICOMWriter.uid()
        let image = source.images[source.slices[slice].image], frame = source.slices[slice].frame
        var set = DataSetBuilder()
        try set.describe(source, sopClass: Self.sopClass, sopInstance: instance, modality: "OT", version: version)
        set.text(.conversionType, "CS", "WSD")
        set.text(.imageType, "CS", "DERIVED\\SECONDARY")
        set.text(.seriesUID, "UI", series)
        set.text(.seriesNumber, "IS", "301")
        set.text(.seriesDescription, "LO", "Outlines by VM-UNet")
        set.text(.instanceNumber, "IS", "\(slice + 1)")
        // The slices record neither the side of the body nor the direction.
        set.text(Tag(0x20, 0x20), "CS", "")
        set.text(Tag(0x20, 0x60), "CS", "")
        set.text(.derivationDescription, "ST", "Outlines of an automatic segmentation")
        set.sequence(.sourceImage, [.reference(image, frame: image.frames.count > 1 ? frame : nil)])
        // What was compressed with loss once stays marked, also in what is drawn of it.
        if image.isLossy {
            set.text(.lossy, "CS", "01")
            for (tag, representation) in [(Tag.lossyRatio, "DS"), (.lossyMethod, "CS")] where image.file.dataSet.text(tag) != nil {
                set.copy(tag, representation, from: image.file.dataSet)
            }
        }
        set.text(.photometric, "CS", "RGB")
        for (tag, value) in [
            (Tag.samples, 3), (.planar, 0), (.rows, rows), (.columns, columns), (.bitsAllocated, 8), (.bitsStored, 8), (.highBit, 7),
            (.pixelSign, 0),
        ] { set.shorts(tag, [value]) }
        set.bytes(.pixels, "OB", pixels)
        return DICOMWriter.file(set, sopClass: Self.sopClass, sopInstance: instance)
    }
}
