import Files
import TensorFiles

/// The slices of a series in space: sorted along their normal, checked, and placed by one affine.
struct SliceStack {
    /// A frame of a file.
    struct Slice {
        let image: Int
        let frame: Int
        let position: [Double]
    }

    private(set) var slices: [Slice]
    /// The voxels' placement: columns, rows, slices in left, posterior, superior.
    private(set) var axes: PlacedAxes
    /// Each slice's distance from the first along the normal, in millimetres.
    private(set) var places: [Double]
    /// True if all slices are equally spaced.
    private(set) var isEven = true
    /// Notes on repairs and oddities.
    private(set) var notes: [String] = []

    /// Positions closer than this, in millimetres, are the same.
    private static let samePlace = 1e-3

    /// Throws for slices that are not one regular stack. With `repairs`, fixes what it can and
    /// notes it.
    init(_ series: DICOMSeries, repairs: Bool) throws {
        var slices: [Slice] = []
        let images = series.images
        func name(_ slice: Slice) -> String {
            let file = images[slice.image].file.url.lastPathComponent.printable(limit: 80)
            return images[slice.image].frames.count > 1 ? "\(file), frame \(slice.frame + 1)" : file
        }
        for (i, image) in images.enumerated() {
            for (k, frame) in image.frames.enumerated() {
                guard let position = frame.position, frame.rowDirection != nil else {
                    throw Fault(
                        .unsupported,
                        "\(image.file.url.lastPathComponent.printable(limit: 80)) does not say where its slice lies (its position or orientation is missing)",
                        remedy: "export the series again with Image Position (Patient) and Image Orientation (Patient)")
                }
                slices.append(Slice(image: i, frame: k, position: position))
            }
        }
        let first = images[0].frames[0]
        guard let row = first.rowDirection.map(PlacedAxes.unit), let column = first.columnDirection.map(PlacedAxes.unit),
            abs(PlacedAxes.dot(row, column)) < 1e-3, PlacedAxes.length(row) > 0.5, PlacedAxes.length(column) > 0.5
        else { throw Fault(.corrupt, "its slices' rows and columns are not at right angles") }
        for image in images {
            for frame in image.frames where !Self.isNear(frame, first) {
                throw Fault(
                    .unsupported,
                    "\(image.file.url.lastPathComponent.printable(limit: 80)) has slices of another direction or spacing than the others",
                    remedy: "export each orientation as a series of its own")
            }
        }
        guard let spacing = first.spacing else {
            throw Fault(.unsupported, "its slices have no pixel spacing", remedy: "export the series again with Pixel Spacing")
        }
        let normal = PlacedAxes.cross(row, column)
        func place(_ slice: Slice) -> Double { PlacedAxes.dot(slice.position, normal) }
        slices.sort {
            (place($0), images[$0.image].instanceNumber ?? 0, $0.frame) < (place($1), images[$1.image].instanceNumber ?? 0, $1.frame)
        }

        var kept: [Slice] = [], passedOver = 0
        for slice in slices {
            guard let last = kept.last, place(slice) - place(last) < Self.samePlace else {
                kept.append(slice)
                continue
            }
            guard repairs else {
                throw Fault(
                    .unsupported, "\(name(last)) and \(name(slice)) are two slices at one place",
                    remedy: "give one of the two series apart, or use the first of each by --resample")
            }
            passedOver += 1
            if passedOver <= 4 { notes.append("of \(name(last)) and \(name(slice)), at one place, the first is taken") }
        }
        if passedOver > 4 { notes.append("of \(counted(passedOver - 4, "further slice")) at places of others likewise") }
        let start = place(kept[0])
        places = kept.map { place($0) - start }
        let thickness = first.thickness.flatMap { $0 > 0 ? $0 : nil } ?? 1
        var step = normal.map { $0 * thickness }
        if kept.count > 1 {
            step = (0..<3).map { (kept[kept.count - 1].position[$0] - kept[0].position[$0]) / Double(kept.count - 1) }
            let gaps = zip(places.dropFirst(), places).map { $0 - $1 }
            let usual = gaps.sorted()[gaps.count / 2]
            let tolerance = max(0.02, 0.01 * usual)
            for odd in gaps.indices.filter({ abs(gaps[$0] - usual) > tolerance }).prefix(5) {
                let multiple = gaps[odd] / usual, isGap = multiple > 1.5 && abs(multiple - multiple.rounded()) < 0.05
                let between = "between \(name(kept[odd])) and \(name(kept[odd + 1]))"
                let what =
                    isGap
                    ? "\(Int(multiple.rounded()) - 1 == 1 ? "a slice is" : "\(Int(multiple.rounded()) - 1) slices are") missing \(between)"
                    : "the slices are not equally far apart: \(Self.text(gaps[odd])) mm \(between), \(Self.text(usual)) mm elsewhere"
                guard repairs else {
                    throw Fault(.unsupported, what, remedy: "complete the series, or interpolate to equal steps by --resample")
                }
                notes.append(what)
                isEven = false
            }
        }
        self.slices = kept
        axes = PlacedAxes(
            [row.map { $0 * spacing[1] }, column.map { $0 * spacing[0] }, step], origin: kept[0].position)
        try checkLine(kept, normal: normal, name: name)
    }

    /// Positions lie on one line; if it is not the slices' normal, the gantry was tilted.
    private mutating func checkLine(_ kept: [Slice], normal: [Double], name: (Slice) -> String) throws {
        guard kept.count > 1, let span = places.last, span > 0 else { return }
        let line = (0..<3).map { (kept[kept.count - 1].position[$0] - kept[0].position[$0]) / span }
        for (slice, place) in zip(kept, places) {
            let off = (0..<3).map { slice.position[$0] - kept[0].position[$0] - line[$0] * place }
            guard PlacedAxes.length(off) < 0.5 else {
                throw Fault(
                    .unsupported, "\(name(slice)) lies \(Self.text(PlacedAxes.length(off))) mm beside the line of the others",
                    remedy: "export the series again, one stack of slices a series")
            }
        }
        let slope = PlacedAxes.dot(PlacedAxes.unit(line), normal)
        let angle = Self.degrees(ofCosine: min(1, slope))
        if angle > 0.5 {
            notes.append("the slices are tilted by \(Self.text(angle))° against the line that they lie on: the affine is sheared")
        }
    }

    /// Equal steps between the first and the last slice, as close as possible to the usual step.
    mutating func even() -> (count: Int, step: Double) {
        guard let span = places.last, places.count > 1 else { return (places.count, 1) }
        let usual = zip(places.dropFirst(), places).map { $0 - $1 }.sorted()[(places.count - 1) / 2]
        let count = Int((span / usual).rounded()) + 1
        let first = slices[0].position, last = slices[slices.count - 1].position
        axes.columns[2] = (0..<3).map { (last[$0] - first[$0]) / Double(count - 1) }
        notes.append("\(places.count) slices are interpolated to \(count), \(Self.text(span / Double(count - 1))) mm apart")
        return (count, span / Double(count - 1))
    }

    private static func isNear(_ a: DICOMImage.Frame, _ b: DICOMImage.Frame) -> Bool {
        func near(_ x: [Double]?, _ y: [Double]?, _ tolerance: Double) -> Bool {
            guard let x, let y else { return x == nil && y == nil }
            return zip(x, y).allSatisfy { abs($0 - $1) <= tolerance }
        }
        return near(a.rowDirection, b.rowDirection, 1e-3) && near(a.columnDirection, b.columnDirection, 1e-3)
            && near(a.spacing, b.spacing, 1e-4)
    }

    /// The angle of a cosine, computed without acos, which FoundationEssentials lacks.
    private static func degrees(ofCosine c: Double) -> Double {
        // atan2(sqrt(1 − c²), c) by halving the argument until a short series is exact enough.
        var t = max(0, 1 - c * c).squareRoot() / max(c, 1e-9)
        var factor = 1.0
        for _ in 0..<6 {
            t = t / (1 + (1 + t * t).squareRoot())
            factor *= 2
        }
        return factor * (t - t * t * t / 3) * 180 / .pi
    }

    static func text(_ value: Double) -> String {
        let rounded = (value * 100).rounded() / 100
        return Int(exactly: rounded).map(String.init) ?? String(rounded)
    }
}
