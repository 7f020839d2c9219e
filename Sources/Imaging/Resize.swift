/// Resizing as defined by PyTorch: `interpolate` with `align_corners=False` and `antialias=False`.
public enum Resize {
    /// Bilinear interpolation of planes, channels × height × width (CHW) in and out.
    ///
    /// The cost depends on the output and the source pixels that it uses; a large source is not
    /// read as a whole.
    public static func bilinear(
        _ planes: [Float], channels: Int, from: (height: Int, width: Int), to: (height: Int, width: Int)
    ) -> [Float] {
        check(planes.count, channels, from, to)
        return [Float](unsafeUninitializedCapacity: channels * to.height * to.width) { out, count in
            planes.withUnsafeBufferPointer { source in
                for c in 0..<channels {
                    let plane = UnsafeBufferPointer(rebasing: source[(c * from.height * from.width)...].prefix(from.height * from.width))
                    var rows = BilinearRows(from: from, to: to)
                    for y in 0..<to.height {
                        rows.row(
                            y, of: plane,
                            into: UnsafeMutableBufferPointer(rebasing: out[((c * to.height + y) * to.width)...].prefix(to.width)))
                    }
                }
            }
            count = channels * to.height * to.width
        }
    }

    /// Bilinear interpolation of a picture to planes, channels × height × width (CHW). `values`
    /// maps a channel's 256 values to the numbers to interpolate.
    ///
    /// Equals converting the whole picture to floats first, but saves that memory.
    public static func bilinear(_ picture: Picture, to: (height: Int, width: Int), values: [Float] = (0..<256).map(Float.init)) -> [Float] {
        precondition(values.count == 256, "expected 256 values, got \(values.count)")
        check(picture.pixels.count, picture.channels, (picture.height, picture.width), to)
        return [Float](unsafeUninitializedCapacity: picture.channels * to.height * to.width) { out, count in
            picture.pixels.withUnsafeBufferPointer { source in
                for c in 0..<picture.channels {
                    var rows = BilinearRows(from: (picture.height, picture.width), to: to)
                    for y in 0..<to.height {
                        rows.row(
                            y, of: source, channel: c, of: picture.channels, values: values,
                            into: UnsafeMutableBufferPointer(rebasing: out[((c * to.height + y) * to.width)...].prefix(to.width)))
                    }
                }
            }
            count = picture.channels * to.height * to.width
        }
    }

    /// Resizes one plane bilinearly and passes it on row by row, top to bottom, so that a large
    /// result need not be held.
    public static func bilinearRows(
        _ plane: [Float], from: (height: Int, width: Int), to: (height: Int, width: Int),
        body: (_ y: Int, _ row: UnsafeBufferPointer<Float>) -> Void
    ) {
        check(plane.count, 1, from, to)
        var rows = BilinearRows(from: from, to: to)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: to.width) { row in
            plane.withUnsafeBufferPointer { source in
                for y in 0..<to.height {
                    rows.row(y, of: source, into: row)
                    body(y, UnsafeBufferPointer(row))
                }
            }
        }
    }

    /// Nearest-neighbour resizing of planes, channels × height × width (CHW) in and out: PyTorch's
    /// `nearest`, source index ⌊i · in / out⌋ in single precision.
    public static func nearest<Value>(
        _ planes: [Value], channels: Int, from: (height: Int, width: Int), to: (height: Int, width: Int)
    ) -> [Value] {
        check(planes.count, channels, from, to)
        let (rows, columns) = (nearestIndices(from.height, to.height), nearestIndices(from.width, to.width))
        var out: [Value] = []
        out.reserveCapacity(channels * to.height * to.width)
        planes.withUnsafeBufferPointer { source in
            for c in 0..<channels {
                for y in rows {
                    let start = (c * from.height + y) * from.width
                    for x in columns { out.append(source[start + x]) }
                }
            }
        }
        return out
    }

    /// Like ``nearest(_:channels:from:to:)``, for a picture such as a map of labels.
    public static func nearest(_ picture: Picture, to: (height: Int, width: Int)) -> Picture {
        check(picture.pixels.count, picture.channels, (picture.height, picture.width), to)
        let (rows, columns) = (nearestIndices(picture.height, to.height), nearestIndices(picture.width, to.width))
        let channels = picture.channels
        let pixels = [UInt8](unsafeUninitializedCapacity: to.height * to.width * channels) { out, count in
            picture.pixels.withUnsafeBufferPointer { source in
                for y in rows {
                    for x in columns {
                        let place = (y * picture.width + x) * channels
                        for c in 0..<channels {
                            out[count] = source[place + c]
                            count += 1
                        }
                    }
                }
            }
        }
        return Picture(width: to.width, height: to.height, channels: channels, pixels: pixels)
    }

    private static func nearestIndices(_ from: Int, _ to: Int) -> [Int] {
        let scale = Float(from) / Float(to)
        return (0..<to).map { min(Int(Float($0) * scale), from - 1) }
    }

    private static func check(_ count: Int, _ channels: Int, _ from: (height: Int, width: Int), _ to: (height: Int, width: Int)) {
        precondition(from.height > 0 && from.width > 0 && to.height > 0 && to.width > 0, "sizes are at least 1")
        precondition(count == channels * from.height * from.width, "expected \(channels)×\(from.height)×\(from.width) values, got \(count)")
    }
}

/// An output coordinate's place between two source coordinates.
private struct Tap {
    let low: Int
    let high: Int
    let weight: Float

    /// PyTorch's half-pixel coordinates, in single precision and rounded once, as its build
    /// computes them.
    static func all(_ from: Int, _ to: Int) -> [Tap] {
        let scale = Float(from) / Float(to)
        return (0..<to).map { i in
            let place = from == to ? Float(i) : max(0, Float(-0.5).addingProduct(scale, Float(i) + 0.5))
            let low = min(Int(place), from - 1)
            return Tap(low: low, high: min(low + 1, from - 1), weight: min(max(place - Float(low), 0), 1))
        }
    }
}

/// Makes output rows. Source rows are interpolated along x when first needed, kept while two
/// outputs share them, and mixed along y.
private struct BilinearRows {
    private let width: Int
    private let columns: [Tap]
    private let rows: [Tap]
    private var kept: (upper: [Float], lower: [Float])
    private var keptRows = (upper: -1, lower: -1)

    init(from: (height: Int, width: Int), to: (height: Int, width: Int)) {
        width = from.width
        columns = Tap.all(from.width, to.width)
        rows = Tap.all(from.height, to.height)
        kept = ([Float](repeating: 0, count: to.width), [Float](repeating: 0, count: to.width))
    }

    /// Row `y` of the result, from a plane of floats.
    mutating func row(_ y: Int, of plane: UnsafeBufferPointer<Float>, into out: UnsafeMutableBufferPointer<Float>) {
        row(y, into: out) { source, columns, width, row in
            let line = plane.baseAddress! + source * width
            for (x, tap) in columns.enumerated() { row[x] = (1 - tap.weight) * line[tap.low] + tap.weight * line[tap.high] }
        }
    }

    /// Row `y` of the result, from one channel of interleaved bytes.
    mutating func row(
        _ y: Int, of bytes: UnsafeBufferPointer<UInt8>, channel: Int, of channels: Int, values: [Float],
        into out: UnsafeMutableBufferPointer<Float>
    ) {
        values.withUnsafeBufferPointer { values in
            row(y, into: out) { source, columns, width, row in
                let line = bytes.baseAddress! + source * width * channels + channel
                for (x, tap) in columns.enumerated() {
                    let (low, high) = (values[Int(line[tap.low * channels])], values[Int(line[tap.high * channels])])
                    row[x] = (1 - tap.weight) * low + tap.weight * high
                }
            }
        }
    }

    @inline(__always)
    private mutating func row(
        _ y: Int, into out: UnsafeMutableBufferPointer<Float>,
        interpolate: (_ source: Int, _ columns: [Tap], _ width: Int, _ row: UnsafeMutableBufferPointer<Float>) -> Void
    ) {
        let tap = rows[y]
        if keptRows.lower == tap.low, keptRows.upper != tap.low {
            swap(&kept.upper, &kept.lower)
            keptRows = (keptRows.lower, keptRows.upper)
        }
        if keptRows.upper != tap.low {
            kept.upper.withUnsafeMutableBufferPointer { interpolate(tap.low, columns, width, $0) }
            keptRows.upper = tap.low
        }
        if keptRows.lower != tap.high {
            kept.lower.withUnsafeMutableBufferPointer { interpolate(tap.high, columns, width, $0) }
            keptRows.lower = tap.high
        }
        let (upper, lower) = (1 - tap.weight, tap.weight)
        kept.upper.withUnsafeBufferPointer { a in
            kept.lower.withUnsafeBufferPointer { b in
                for x in 0..<out.count { out[x] = upper * a[x] + lower * b[x] }
            }
        }
    }
}
