import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The series in a folder, or in a list of files.
public struct DICOMFolder: Sendable {
    /// The series of images, in their listed order, counted from 1.
    public let series: [DICOMSeries]
    /// DICOM files that cannot be read, with the reason.
    public let failures: [(file: String, reason: String)]
    /// The truncated or damaged ones of ``failures``: a series may lack slices.
    public let damaged: [(file: String, reason: String)]
    /// Files without images to segment: reports, plans, segmentations, directories.
    public let others: Int
    /// True if all DICOM files are such ``others``.
    public var holdsNoImages: Bool { series.isEmpty && failures.isEmpty && others > 0 }

    /// Looks at files; those that are not DICOM are skipped.
    ///
    /// - Parameter misnamed: files that are named like DICOM and are none: beside images, damaged ones.
    public init(_ urls: [URL], misnamed: [URL] = []) {
        var images: [DICOMImage] = [], failures: [(String, String)] = [], damaged: [(String, String)] = [], others = 0
        for url in urls where DICOMFile.isDICOM(url) {
            do {
                guard let image = try naming(url, { try DICOMImage(try DICOMFile(url)) }) else {
                    others += 1
                    continue
                }
                images.append(image)
            } catch {
                failures.append((error.file, error.reason))
                if error.kind != .unsupported { damaged.append((error.file, error.reason)) }
            }
        }
        if !images.isEmpty { damaged += misnamed.map { ($0.relativePath, "is not a DICOM file, whatever its name says") } }
        self.failures = failures
        self.damaged = damaged
        self.others = others
        series = Self.sorted(images)
    }

    /// A series has one UID, one size and one orientation; localisers that share the scan's UID are
    /// separated.
    private static func sorted(_ images: [DICOMImage]) -> [DICOMSeries] {
        struct Key: Hashable {
            let uid: String
            let rows: Int, columns: Int
            let orientation: [Int]
        }
        var groups: [Key: [DICOMImage]] = [:]
        for image in images {
            let frame = image.frames[0]
            let orientation = ((frame.rowDirection ?? []) + (frame.columnDirection ?? [])).map { Int(($0 * 1000).rounded()) }
            groups[Key(uid: image.seriesUID, rows: image.rows, columns: image.columns, orientation: orientation), default: []].append(image)
        }
        return groups.values.map { DICOMSeries($0) }.sorted { a, b in
            (a.number ?? .max, a.uid, -a.images.count, a.firstFile) < (b.number ?? .max, b.uid, -b.images.count, b.firstFile)
        }
    }

    /// A line per series: its number in this list, its description, its size and its UID. Contains
    /// nothing about the patient.
    public var list: String {
        series.enumerated().map { "  \($0 + 1): \($1.summary)" }.joined(separator: "\n")
    }

    /// The series selected by a text: its number in ``list``, or its UID; nil if none or several
    /// match.
    public func pick(_ text: String) -> DICOMSeries? {
        if let number = Int(text), series.indices.contains(number - 1) { return series[number - 1] }
        let fitting = series.filter { $0.uid == text }
        return fitting.count == 1 ? fitting[0] : nil
    }
}

/// The images of one series.
public struct DICOMSeries: Sendable, Equatable {
    let images: [DICOMImage]

    init(_ images: [DICOMImage]) { self.images = images.sorted { $0.file.url.path < $1.file.url.path } }

    /// Its UID; empty if there is none.
    public var uid: String { images[0].seriesUID }
    /// Its number in the study.
    public var number: Int? { images[0].seriesNumber }
    /// The files.
    public var files: [URL] { images.map(\.file.url) }
    fileprivate var firstFile: String { images[0].file.url.path }
    /// The number of planes.
    public var frames: Int { images.reduce(0) { $0 + $1.frames.count } }
    /// True if both consist of the same files.
    public static func == (a: DICOMSeries, b: DICOMSeries) -> Bool { a.files == b.files }
    /// The frame of reference of its places; nil if it names none.
    public var frameOfReference: String? { images[0].file.dataSet.text(.frameOfReference) }
    /// CT, MR, PT …
    public var modality: String? { images[0].modality }

    /// "CT, thick, 6 slices of 64×64, 1.2.826.…".
    public var summary: String {
        let first = images[0]
        let parts = [
            first.modality?.printable(limit: 16), first.seriesDescription?.printable(limit: 64) ?? "no description",
            "\(counted(frames, "slice")) of \(first.rows)×\(first.columns)", uid.isEmpty ? "no UID" : uid.printable(limit: 64),
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}
