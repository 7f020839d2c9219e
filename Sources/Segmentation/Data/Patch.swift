import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A rectangle of the network's size out of a picture or slice, turned and magnified about its
/// middle.
struct Patch: Sendable {
    let plane: PlaneSize
    let size: PlaneSize
    /// The plane's place, in pixels, that comes to the middle of the patch.
    var center: (row: Double, column: Double)
    var degrees = 0.0
    var zoom = 1.0

    /// A patch around a place, moved to leave the plane no more than it must.
    init(_ plane: PlaneSize, size: PlaneSize, around place: (row: Double, column: Double)) {
        func middle(_ extent: Int, _ size: Int, _ place: Double) -> Double {
            let start =
                extent > size ? min(max((place - Double(size - 1) / 2).rounded(), 0), Double(extent - size)) : -Double((size - extent) / 2)
            return start + Double(size - 1) / 2
        }
        (self.plane, self.size) = (plane, size)
        center = (middle(plane.height, size.height, place.row), middle(plane.width, size.width, place.column))
    }

    /// The patch that a choice lays over a plane with these classes; without a choice, the one
    /// around the middle of the labelled pixels.
    init(_ choice: PatchChoice?, of labels: PlaneLabels, size: PlaneSize) {
        let plane = labels.plane
        let middle = (row: Double(plane.height - 1) / 2, column: Double(plane.width - 1) / 2)
        let isCut = plane.height > size.height || plane.width > size.width
        self.init(plane, size: size, around: isCut ? choice?.place(in: labels) ?? labels.middle ?? middle : middle)
    }

    private var isPlain: Bool { degrees == 0 && zoom == 1 }

    /// The planes' pixels, interpolated bilinearly; 0 outside.
    func image(_ planes: [Float]) -> [Float] {
        guard !isPlain else { return SlidingWindow.cut(planes, plane, row: row, column: column, size: size) }
        let channels = planes.count / plane.count
        var out = [Float](repeating: 0, count: channels * size.count)
        let (lastY, lastX) = (Float(plane.height - 1), Float(plane.width - 1))
        visit { pixel, y, x in
            guard y >= 0, x >= 0, y <= lastY, x <= lastX else { return }
            let (y0, x0) = (Int(y), Int(x))
            let (y1, x1) = (min(y0 + 1, plane.height - 1), min(x0 + 1, plane.width - 1))
            let (fy, fx) = (y - Float(y0), x - Float(x0))
            for c in 0..<channels {
                let base = c * plane.count
                let above = planes[base + y0 * plane.width + x0] * (1 - fx) + planes[base + y0 * plane.width + x1] * fx
                let below = planes[base + y1 * plane.width + x0] * (1 - fx) + planes[base + y1 * plane.width + x1] * fx
                out[c * size.count + pixel] = above * (1 - fy) + below * fy
            }
        }
        return out
    }

    /// The nearest pixels' truth; 0 outside.
    func nearest<Value: ExpressibleByIntegerLiteral>(_ values: [Value]) -> [Value] {
        guard !isPlain else { return SlidingWindow.cut(values, plane, row: row, column: column, size: size) }
        var out = [Value](repeating: 0, count: size.count)
        visit { pixel, y, x in
            let (row, column) = (Int(y.rounded()), Int(x.rounded()))
            guard row >= 0, column >= 0, row < plane.height, column < plane.width else { return }
            out[pixel] = values[row * plane.width + column]
        }
        return out
    }

    private var row: Int { Int((center.row - Double(size.height - 1) / 2).rounded()) }
    private var column: Int { Int((center.column - Double(size.width - 1) / 2).rounded()) }

    /// Each pixel of the patch with its place in the plane.
    private func visit(_ body: (_ pixel: Int, _ y: Float, _ x: Float) -> Void) {
        let radians = degrees * .pi / 180
        let (cosine, sine) = (Float(cos(radians) / zoom), Float(sin(radians) / zoom))
        let (middleY, middleX) = (Float(size.height - 1) / 2, Float(size.width - 1) / 2)
        let (centerY, centerX) = (Float(center.row), Float(center.column))
        for row in 0..<size.height {
            let y = Float(row) - middleY
            for column in 0..<size.width {
                let x = Float(column) - middleX
                body(row * size.width + column, centerY + sine * x + cosine * y, centerX + cosine * x - sine * y)
            }
        }
    }
}

/// A random place for a patch. Two thirds of the patches lie around a pixel of a class, each class
/// equally often, so that rare classes are seen; the others lie anywhere.
struct PatchChoice: Sendable {
    static let foregroundShare = 2.0 / 3

    private let seeksForeground: Bool
    /// The class, as a share of the classes in the plane.
    private let pick: Double
    /// Shares of the plane's extents; for a class, the first is the share of its pixels.
    private let share: (row: Double, column: Double)

    /// Always draws four numbers, so that one outcome does not change another.
    init(_ random: inout CounterRandom) {
        seeksForeground = random.chance(Self.foregroundShare)
        pick = random.uniform()
        share = (random.uniform(), random.uniform())
    }

    fileprivate func place(in labels: PlaneLabels) -> (row: Double, column: Double) {
        let counts = labels.pixelCounts
        let present = counts.indices.filter { counts[$0] > 0 }
        guard seeksForeground, !present.isEmpty else {
            return (share.row * Double(labels.plane.height - 1), share.column * Double(labels.plane.width - 1))
        }
        let label = present[min(Int(pick * Double(present.count)), present.count - 1)]
        let pixel = labels.pixel(min(Int(share.row * Double(counts[label])), counts[label] - 1), of: UInt8(label))
        return (Double(pixel / labels.plane.width), Double(pixel % labels.plane.width))
    }
}

/// The classes of a picture's or slice's pixels.
struct PlaneLabels {
    let labels: [UInt8]
    let plane: PlaneSize
    /// By label.
    private let isClass: [Bool]

    /// Labels from 1 to below `classes` are classes, except the ignored one.
    init(_ labels: [UInt8], _ plane: PlaneSize, classes: Int, ignoring ignored: UInt8?) {
        (self.labels, self.plane) = (labels, plane)
        isClass = (0..<256).map { $0 > 0 && $0 < classes && ignored.map(Int.init) != $0 }
    }

    /// The pixels of each label that is a class, 256 numbers.
    fileprivate var pixelCounts: [Int] {
        var pixels = [Int](repeating: 0, count: 256)
        for label in labels { pixels[Int(label)] += 1 }
        return zip(pixels, isClass).map { $1 ? $0 : 0 }
    }

    /// The place of a label's n-th pixel, from 0, row by row.
    fileprivate func pixel(_ n: Int, of label: UInt8) -> Int {
        var left = n
        for (place, found) in labels.enumerated() where found == label {
            if left == 0 { return place }
            left -= 1
        }
        return 0
    }

    /// The middle of the rectangle around all pixels of classes; nil without any.
    fileprivate var middle: (row: Double, column: Double)? {
        var (rows, columns): (ClosedRange<Int>?, ClosedRange<Int>?)
        for (place, label) in labels.enumerated() where isClass[Int(label)] {
            let (row, column) = (place / plane.width, place % plane.width)
            rows = rows.map { min($0.lowerBound, row)...max($0.upperBound, row) } ?? row...row
            columns = columns.map { min($0.lowerBound, column)...max($0.upperBound, column) } ?? column...column
        }
        guard let rows, let columns else { return nil }
        return (Double(rows.lowerBound + rows.upperBound) / 2, Double(columns.lowerBound + columns.upperBound) / 2)
    }
}

extension Sample {
    /// The classes of a whole picture's pixels; 1 where a soft mask is at least one half.
    func labels(classes: Int, ignoring ignored: UInt8?) -> PlaneLabels {
        switch target {
        case .binary(let plane): PlaneLabels(plane.map { $0 >= 0.5 ? 1 : 0 }, size, classes: 2, ignoring: nil)
        case .labels(let labels): PlaneLabels(labels, size, classes: classes, ignoring: ignored)
        }
    }

    /// The patch of a whole picture, with its truth.
    func cut(_ patch: Patch) -> Sample {
        var piece = self
        piece.image = patch.image(image)
        switch target {
        case .binary(let plane): piece.target = .binary(patch.nearest(plane))
        case .labels(let labels): piece.target = .labels(patch.nearest(labels))
        }
        (piece.height, piece.width) = (patch.size.height, patch.size.width)
        return piece
    }
}
