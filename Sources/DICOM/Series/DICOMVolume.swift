import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A series as a volume: intensities in the scanner's unit, and their placement.
public struct DICOMVolume: Sendable {
    /// (slices, rows, columns); slices along rows × columns.
    public let shape: [Int]
    /// Values after each slice's own slope and intercept, row-major.
    public let values: [Float]
    /// The voxels' place in millimetres.
    public let geometry: VolumeGeometry
    /// Notes on oddities and repairs, clauses without a full stop.
    public let notes: [String]
    /// The slices' origin, for results that go back to an archive; nil if slices were interpolated.
    public let source: DICOMSource?

    /// Settings for reading a series.
    public struct Options: Sendable {
        /// Repairs what it can: interpolates if slices are missing or unevenly spaced, and takes
        /// the first of two slices at one place.
        public var resamples = false
        /// The most bytes of the values.
        public var limit = 1 << 31
        /// The program that decodes JPEG, JPEG-LS and JPEG 2000; nil looks for it beside this
        /// program.
        public var decoder: URL?

        /// Refuses what would have to be repaired.
        public init() {}
    }

    /// Reads a series. Throws ``/Files/FileError`` that names the file or the folder, and nothing
    /// of a patient.
    public init(_ series: DICOMSeries, name: String, options: Options = Options()) throws(FileError) {
        self = try naming(name) { try DICOMVolume(series, options) }
    }

    private init(_ series: DICOMSeries, _ options: Options) throws {
        // Some software gives several patients' series one UID.
        func values(_ tag: Tag) -> Set<String> {
            Set(series.images.compactMap { $0.file.dataSet.text(tag) })
        }
        let patients = values(.patientID)
        guard patients.count < 2, !patients.isEmpty || values(.patientName).count < 2 else {
            throw Fault(
                .unsupported, "holds files of several patients in one series", remedy: "give each patient's files in a folder of their own")
        }
        guard values(.studyUID).count < 2 else {
            throw Fault(
                .unsupported, "holds files of several studies in one series", remedy: "give each study's files in a folder of their own")
        }
        for image in series.images { try naming(image.file.url) { try image.requirePixels() } }
        var stack = try SliceStack(series, repairs: options.resamples)
        let images = series.images, (rows, columns) = (images[0].rows, images[0].columns)
        let area = rows * columns
        let bytes = try Self.bytes(stack.slices.count, area, options)
        var values = [Float](repeating: 0, count: bytes / 4)
        var padding = PaddingCensus(count: values.count)
        let places = Dictionary(uniqueKeysWithValues: stack.slices.enumerated().map { ([$1.image, $1.frame], $0) })
        try PixelReader(series, decoder: options.decoder).read { image, frame, raw in
            guard let place = places[[image, frame]] else { return }
            let header = images[image]
            try raw.put(into: &values, at: place * area, count: area, header.frames[frame], padding: &padding)
        }
        padding.fill(&values)
        var notes = stack.notes
        if images.contains(where: \.isLossy) {
            notes.append("its pixels were compressed with loss")
        }
        if images.contains(where: { $0.file.dataSet[.modalityTable] != nil }) {
            notes.append("its table from stored to real values (Modality LUT) is not applied")
        }
        var isWhole = true
        if !stack.isEven {
            let old = stack.places
            let (count, step) = stack.even()
            _ = try Self.bytes(count, area, options)
            values = try Self.interpolated(values, area: area, at: old, count: count, step: step)
            notes.append(contentsOf: stack.notes.suffix(1))
            isWhole = false
        }
        shape = [values.count / area, rows, columns]
        self.values = values
        geometry = VolumeGeometry(affine: stack.axes.affine(signs: PlacedAxes.leftPosterior))
        self.notes = notes
        source = isWhole ? DICOMSource(series, stack) : nil
    }

    /// The bytes of that many slices' values, for which there is memory.
    private static func bytes(_ slices: Int, _ area: Int, _ options: Options) throws -> Int {
        guard let bytes = HostTensor.byteCount(shape: [slices, area], elementType: .float32), bytes <= options.limit else {
            throw Fault(.limit, "holds more than \(Memory.size(options.limit)) of voxels", remedy: "give fewer slices")
        }
        try Memory.ask(for: bytes)
        return bytes
    }

    /// Interpolates linearly between the slices around each place.
    private static func interpolated(_ values: [Float], area: Int, at places: [Double], count: Int, step: Double) throws -> [Float] {
        var result = [Float](repeating: 0, count: count * area)
        var below = 0
        for k in 0..<count {
            let place = Double(k) * step
            while below + 2 < places.count, places[below + 1] <= place { below += 1 }
            let share = Float(min(max((place - places[below]) / (places[below + 1] - places[below]), 0), 1))
            for i in 0..<area {
                result[k * area + i] = values[below * area + i] * (1 - share) + values[(below + 1) * area + i] * share
            }
        }
        return result
    }
}

/// Voxels without a measurement, outside the scanner's field of view.
struct PaddingCensus {
    private var isPadding: [Bool] = []
    private let count: Int
    private var least = Float.infinity

    init(count: Int) { self.count = count }

    mutating func mark(_ voxel: Int) {
        if isPadding.isEmpty { isPadding = [Bool](repeating: false, count: count) }
        isPadding[voxel] = true
    }

    mutating func see(_ value: Float) { if value < least { least = value } }

    /// They get the least measured value.
    func fill(_ values: inout [Float]) {
        guard !isPadding.isEmpty else { return }
        for i in values.indices where isPadding[i] { values[i] = least.isFinite ? least : 0 }
    }
}

/// The attributes that results for an archive must repeat from their images.
public struct DICOMSource: Sendable {
    let images: [DICOMImage]
    let slices: [(image: Int, frame: Int)]
    let axes: PlacedAxes

    init(_ series: DICOMSeries, _ stack: SliceStack) {
        images = series.images
        slices = stack.slices.map { ($0.image, $0.frame) }
        axes = stack.axes
    }

    /// The attributes of the first slice's file.
    var first: DataSet { images[slices[0].image].file.dataSet }
}
