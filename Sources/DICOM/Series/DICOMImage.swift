import Files

/// A file of a series: the attributes that define its pixels' meaning and its frames' places.
struct DICOMImage: Sendable {
    let file: DICOMFile
    let rows: Int
    let columns: Int
    let bits: PixelBits
    let frames: [Frame]
    let modality: String?
    let seriesUID: String
    let seriesDescription: String?
    let seriesNumber: Int?
    let instanceNumber: Int?
    let sopClass: String
    let sopInstance: String

    /// One plane of pixels.
    struct Frame: Sendable, Equatable {
        /// The centre of the first pixel, and the directions of rows and columns: left, posterior,
        /// superior.
        var position: [Double]?
        var rowDirection: [Double]?
        var columnDirection: [Double]?
        /// Millimetres between rows and between columns.
        var spacing: [Double]?
        var thickness: Double?
        var slope: Double
        var intercept: Double
    }

    /// Nil for a file without pixels, such as a report or a plan.
    init?(_ file: DICOMFile) throws {
        let set = file.dataSet
        guard set[.pixels] != nil || set[.floatPixels] != nil || set[.doublePixels] != nil else { return nil }
        self.file = file
        guard let rows = set.integer(.rows), let columns = set.integer(.columns), (1...32_767).contains(rows),
            (1...32_767).contains(columns)
        else { throw Fault(.corrupt, "does not say how many rows and columns it has") }
        (self.rows, self.columns) = (rows, columns)
        bits = try PixelBits(set)
        let count = set.integer(.frames) ?? 1
        guard (1...1 << 20).contains(count) else { throw Fault(.corrupt, "declares \(count) frames") }
        frames = Self.frames(set, count)
        modality = set.text(.modality)
        seriesUID = set.text(.seriesUID) ?? ""
        seriesDescription = set.text(.seriesDescription)
        seriesNumber = set.integer(.seriesNumber)
        instanceNumber = set.integer(.instanceNumber)
        sopClass = set.text(.sopClass) ?? file.meta.text(.mediaStorageClass) ?? ""
        sopInstance = set.text(.sopInstance) ?? file.meta.text(.mediaStorageInstance) ?? ""
    }

    private static func frames(_ set: DataSet, _ count: Int) -> [Frame] {
        let shared = set.first(.sharedGroups), each = set.items(.frameGroups)
        return (0..<count).map { index in
            // A frame's own groups take precedence over shared ones, and these over a plain image's
            // attributes.
            let places = [index < each.count ? each[index] : nil, shared].compactMap(\.self)
            func find(_ group: Tag, _ tag: Tag) -> [Double]? {
                for place in places { if let found = place.first(group)?.decimals(tag) { return found } }
                return set.decimals(tag)
            }
            let orientation = find(.planeOrientation, .orientation).flatMap { $0.count == 6 ? $0 : nil }
            let position = find(.planePosition, .position).flatMap { $0.count == 3 ? $0 : nil }
            return Frame(
                position: position, rowDirection: orientation.map { Array($0[0..<3]) },
                columnDirection: orientation.map { Array($0[3..<6]) },
                spacing: find(.pixelMeasures, .pixelSpacing).flatMap { $0.count == 2 && $0.allSatisfy { $0 > 0 } ? $0 : nil },
                thickness: (find(.pixelMeasures, .spacingBetweenSlices) ?? find(.pixelMeasures, .sliceThickness))?.first.map(abs),
                slope: find(.valueTransformation, .slope)?.first ?? 1, intercept: find(.valueTransformation, .intercept)?.first ?? 0)
        }
    }
}

/// The bits of a stored pixel that hold its value.
struct PixelBits: Sendable, Equatable {
    var allocated: Int
    var stored: Int
    var highBit: Int
    var isSigned: Bool
    /// The stored value that means "no measurement", and the other end of the range of such values.
    var padding: ClosedRange<Int>?

    /// Throws for colours and for kinds of pixels that volume scanners do not write.
    init(_ set: DataSet) throws {
        guard set[.pixels] != nil else {
            throw Fault(.unsupported, "holds real numbers as pixels", remedy: "save it as whole numbers, or as NIfTI")
        }
        let samples = set.integer(.samples) ?? 1, photometric = set.text(.photometric) ?? "MONOCHROME2"
        guard samples == 1, photometric.hasPrefix("MONOCHROME") else {
            throw Fault(
                .unsupported, "holds colours (\(photometric.printable(limit: 20))), not intensities", remedy: "convert such pictures to PNG"
            )
        }
        allocated = set.integer(.bitsAllocated) ?? 16
        guard [8, 16, 32].contains(allocated) else {
            throw Fault(
                .unsupported, allocated == 1 ? "holds single bits, as segmentations do" : "holds pixels of \(allocated) bits",
                remedy: "give the series of images")
        }
        stored = set.integer(.bitsStored) ?? allocated
        highBit = set.integer(.highBit) ?? stored - 1
        guard (1...allocated).contains(stored), (stored - 1..<allocated).contains(highBit) else {
            throw Fault(.corrupt, "declares \(stored) bits up to bit \(highBit) in pixels of \(allocated)")
        }
        isSigned = set.integer(.pixelSign) == 1
        guard let low = set.integer(.padding) else { return }
        func value(_ number: Int) -> Int { isSigned && number >= 1 << (stored - 1) ? number - 1 << min(allocated, 16) : number }
        let limit = set.integer(.paddingLimit) ?? low
        padding = min(value(low), value(limit))...max(value(low), value(limit))
    }

    /// The value of stored bits.
    @inline(__always) func value(_ raw: UInt32) -> Int {
        let bits = Int(raw >> UInt32(highBit + 1 - stored)) & (1 << stored - 1)
        return isSigned && bits >> (stored - 1) == 1 ? bits - 1 << stored : bits
    }
}
