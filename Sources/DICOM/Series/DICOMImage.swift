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

    /// Nil for a file without pixels, such as a report or a plan, and for a segmentation.
    init?(_ file: DICOMFile) throws {
        let set = file.dataSet
        guard set.text(.segmentationType) == nil else { return nil }
        guard set[.pixels] != nil || set[.floatPixels] != nil || set[.doublePixels] != nil else {
            // Reports and plans have no rows of pixels either.
            guard set.integer(.rows) != nil, set.text(.position) != nil else { return nil }
            throw Fault(.truncated, "truncated: an image without its pixels")
        }
        self.file = file
        guard let rows = set.integer(.rows), let columns = set.integer(.columns), (1...32_767).contains(rows),
            (1...32_767).contains(columns)
        else { throw Fault(.corrupt, "does not say how many rows and columns it has") }
        (self.rows, self.columns) = (rows, columns)
        bits = try PixelBits(set)
        let count = set.integer(.frames) ?? 1
        guard (1...1 << 16).contains(count) else { throw Fault(.corrupt, "declares \(count) frames") }
        frames = try Self.frames(set, count)
        modality = set.text(.modality)
        seriesUID = set.text(.seriesUID) ?? ""
        seriesDescription = set.text(.seriesDescription)
        seriesNumber = set.integer(.seriesNumber)
        instanceNumber = set.integer(.instanceNumber)
        sopClass = set.text(.sopClass) ?? file.meta.text(.mediaStorageClass) ?? ""
        sopInstance = set.text(.sopInstance) ?? file.meta.text(.mediaStorageInstance) ?? ""
    }

    /// True if its pixels were ever compressed with loss.
    var isLossy: Bool { file.syntax.isLossy || file.dataSet.text(.lossy) == "01" }

    /// Throws if the file cannot hold the pixels that it declares, before there is memory for them.
    func requirePixels() throws {
        let isPlain = file.syntax.pixels == .native
        let stored: Int
        switch file.dataSet[.pixels]?.value {
        case .place(_, let count)?: stored = count
        case .bytes(let bytes)?: stored = bytes.count
        case .fragments(let pieces)? where !isPlain: stored = pieces.reduce(0) { $0 + $1.count }
        default: throw Fault(.corrupt, "has packed pixels, where its head says that they are plain")
        }
        let size = rows * columns * bits.allocated / 8 * frames.count
        let ratio = isPlain ? 1 : file.syntax.pixels == .runLength ? RunLength.largestRatio : Self.largestRatio
        guard size <= stored * ratio else { throw Fault(.truncated, "truncated: its pixels have \(stored) of \(size) bytes") }
    }

    /// The most that JPEG, JPEG-LS and JPEG 2000 are believed to pack.
    private static let largestRatio = 1 << 14

    /// Lengths beyond a kilometre, in millimetres, cannot be places of a scanner.
    private static let farthest = 1e6

    private static func frames(_ set: DataSet, _ count: Int) throws -> [Frame] {
        let shared = set.first(.sharedGroups), each = set.items(.frameGroups)
        return try (0..<count).map { index in
            // A frame's own groups take precedence over shared ones, and these over a plain image's
            // attributes.
            let places = [index < each.count ? each[index] : nil, shared].compactMap(\.self)
            func find(_ group: Tag, _ tag: Tag) -> [Double]? {
                for place in places { if let found = place.first(group)?.decimals(tag) { return found } }
                return set.decimals(tag)
            }
            func lengths(_ group: Tag, _ tag: Tag, _ count: Int? = nil) -> [Double]? {
                find(group, tag).flatMap { $0.count == count ?? $0.count && $0.allSatisfy { abs($0) < farthest } ? $0 : nil }
            }
            // A factor that cannot be read must not pass for 1: it would give other values.
            func scaling(_ tag: Tag, _ usual: Double, _ name: String) throws -> Double {
                if let found = find(.valueTransformation, tag)?.first { return found }
                let isThere = (places.compactMap { $0.first(.valueTransformation) } + [set]).contains { $0.text(tag) != nil }
                guard !isThere else { throw Fault(.corrupt, "has a \(name) that is not a number", remedy: "export the series again") }
                return usual
            }
            let slope = try scaling(.slope, 1, "rescale slope")
            guard slope != 0 else {
                throw Fault(.corrupt, "has a rescale slope of 0, which gives one value", remedy: "export the series again")
            }
            let orientation = lengths(.planeOrientation, .orientation, 6), position = lengths(.planePosition, .position, 3)
            return Frame(
                position: position, rowDirection: orientation.map { Array($0[0..<3]) },
                columnDirection: orientation.map { Array($0[3..<6]) },
                spacing: lengths(.pixelMeasures, .pixelSpacing, 2).flatMap { $0.allSatisfy { $0 > 0 } ? $0 : nil },
                thickness: (lengths(.pixelMeasures, .spacingBetweenSlices) ?? lengths(.pixelMeasures, .sliceThickness))?.first.map(abs),
                slope: slope, intercept: try scaling(.intercept, 0, "rescale intercept"))
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
        guard (1...allocated).contains(stored) else { throw Fault(.corrupt, "declares \(stored) bits in pixels of \(allocated)") }
        highBit = set.integer(.highBit) ?? stored - 1
        guard (stored - 1..<allocated).contains(highBit) else {
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
