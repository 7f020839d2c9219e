/// Resizes planes by cubic B-spline interpolation, equal to `scipy.ndimage.zoom(plane, out / in,
/// order=3)` within 1e-5.
///
/// The corners of both grids coincide: output row `k` lies at input row `k · (in − 1)/(out − 1)`.
/// The spline is mirrored at the border. As in SciPy, a last row or column whose position rounds
/// slightly beyond the input (as in 512 → 224) is outside and becomes 0.
package struct SplineZoom: Sendable {
    /// The size of the planes that are given.
    package let input: PlaneSize
    /// The size of the planes that come out.
    package let output: PlaneSize
    private let rows: CubicAxis
    private let columns: CubicAxis

    /// Prepares the weights for one pair of sizes; every extent is at least 1.
    package init(from input: PlaneSize, to output: PlaneSize) {
        precondition(min(input.height, input.width, output.height, output.width) >= 1, "SplineZoom: empty plane")
        self.input = input
        self.output = output
        rows = CubicAxis(from: input.height, to: output.height)
        columns = CubicAxis(from: input.width, to: output.width)
    }

    /// Resizes `plane`, row-major (input height, input width), to (output height, output width).
    package func callAsFunction(_ plane: [Float]) -> [Float] {
        precondition(plane.count == input.count, "SplineZoom: expected \(input.count) values, got \(plane.count)")
        if input == output { return plane }
        let turned = rows.resizeAndTranspose(plane.map(Double.init), across: input.width)  // (width, output height)
        return columns.resizeAndTranspose(turned, across: output.height).map { Float($0) }  // (output height, output width)
    }
}

/// One axis of a cubic-spline resize: the prefilter's factors, and four taps per output position.
private struct CubicAxis: Sendable {
    let inputCount: Int
    let outputCount: Int
    /// Elimination factors of the tridiagonal system c[i−1] + 4 c[i] + c[i+1] = 6 s[i].
    private let pivots: [Double]
    private let uppers: [Double]
    private let taps: [Int]
    private let weights: [Double]

    /// Columns to process together, so that the working set stays in L2.
    private static let panel = 32

    init(from inputCount: Int, to outputCount: Int) {
        self.inputCount = inputCount
        self.outputCount = outputCount

        var pivots = [Double](repeating: 1, count: inputCount)
        var uppers = [Double](repeating: 0, count: inputCount)
        if inputCount > 1 {
            // A mirrored spline has c[−1] = c[1], so that the first and last rows have one
            // neighbour of weight 2.
            (pivots[0], uppers[0]) = (0.25, 0.5)
            for i in 1..<inputCount {
                let lower = i == inputCount - 1 ? 2.0 : 1.0
                pivots[i] = 1 / (4 - lower * uppers[i - 1])
                uppers[i] = pivots[i]
            }
        }
        self.pivots = pivots
        self.uppers = uppers

        var taps = [Int](repeating: 0, count: 4 * outputCount)
        var weights = [Double](repeating: 0, count: 4 * outputCount)
        for (k, position) in samplePositions(from: inputCount, to: outputCount).enumerated() {
            guard let position else { continue }  // outside: four weights of 0
            let start = Int(position.rounded(.down))
            let t = position - Double(start)
            let u = 1 - t
            let basis = [u * u * u / 6, (4 - 6 * t * t + 3 * t * t * t) / 6, (4 - 6 * u * u + 3 * u * u * u) / 6, t * t * t / 6]
            for j in 0..<4 {
                taps[4 * k + j] = mirrored(start - 1 + j, count: inputCount)
                weights[4 * k + j] = basis[j]
            }
        }
        self.taps = taps
        self.weights = weights
    }

    /// Resizes axis 0 of `source` (input count, width) and gives the transposed result (width,
    /// output count).
    func resizeAndTranspose(_ source: [Double], across width: Int) -> [Double] {
        let panel = Self.panel
        return [Double](unsafeUninitializedCapacity: width * outputCount) { result, initialized in
            let result = result.baseAddress!
            source.withUnsafeBufferPointer { source in
                withUnsafeTemporaryAllocation(of: Double.self, capacity: inputCount * panel) { scratch in
                    let coefficients = scratch.baseAddress!
                    for first in stride(from: 0, to: width, by: panel) {
                        let used = min(panel, width - first)
                        solve(source.baseAddress! + first, rowStride: width, columns: used, into: coefficients)
                        interpolate(coefficients, columns: used, into: result + first * outputCount)
                    }
                }
            }
            initialized = width * outputCount
        }
    }

    /// Spline coefficients of `columns` adjacent columns, written with a row stride of `panel`.
    private func solve(_ source: UnsafePointer<Double>, rowStride: Int, columns: Int, into c: UnsafeMutablePointer<Double>) {
        let panel = Self.panel
        guard inputCount > 1 else {
            for x in 0..<columns { c[x] = source[x] }
            return
        }
        for x in 0..<columns { c[x] = 6 * source[x] * pivots[0] }
        for i in 1..<inputCount {
            let (row, before, from) = (c + i * panel, c + (i - 1) * panel, source + i * rowStride)
            let (pivot, lower) = (pivots[i], i == inputCount - 1 ? 2.0 : 1.0)
            for x in 0..<columns { row[x] = (6 * from[x] - lower * before[x]) * pivot }
        }
        for i in stride(from: inputCount - 2, through: 0, by: -1) {
            let (row, after, upper) = (c + i * panel, c + (i + 1) * panel, uppers[i])
            for x in 0..<columns { row[x] -= upper * after[x] }
        }
    }

    private func interpolate(_ c: UnsafePointer<Double>, columns: Int, into result: UnsafeMutablePointer<Double>) {
        let panel = Self.panel
        for k in 0..<outputCount {
            let (w0, w1, w2, w3) = (weights[4 * k], weights[4 * k + 1], weights[4 * k + 2], weights[4 * k + 3])
            let (r0, r1) = (c + taps[4 * k] * panel, c + taps[4 * k + 1] * panel)
            let (r2, r3) = (c + taps[4 * k + 2] * panel, c + taps[4 * k + 3] * panel)
            for x in 0..<columns {
                result[x * outputCount + k] = w0 * r0[x] + w1 * r1[x] + w2 * r2[x] + w3 * r3[x]
            }
        }
    }
}

/// Resizes planes by the nearest input pixel, equal to `scipy.ndimage.zoom(plane, out / in,
/// order=0)`.
package struct NearestZoom: Sendable {
    /// The size of the planes that are given.
    package let input: PlaneSize
    /// The size of the planes that come out.
    package let output: PlaneSize
    /// For each output row and column the input's, or −1 outside.
    private let rows: [Int]
    private let columns: [Int]

    /// Prepares the positions for one pair of sizes; every extent is at least 1.
    package init(from input: PlaneSize, to output: PlaneSize) {
        precondition(min(input.height, input.width, output.height, output.width) >= 1, "NearestZoom: empty plane")
        self.input = input
        self.output = output
        let indices = { (from: Int, to: Int) in
            samplePositions(from: from, to: to).map { $0.map { min(Int(($0 + 0.5).rounded(.down)), from - 1) } ?? -1 }
        }
        rows = indices(input.height, output.height)
        columns = indices(input.width, output.width)
    }

    /// Resizes `plane`, row-major (input height, input width); outside pixels are 0 (see
    /// `SplineZoom`).
    package func callAsFunction<Value: BinaryInteger>(_ plane: [Value]) -> [Value] { resized(plane, outside: 0) }

    /// Resizes `plane`, row-major (input height, input width); outside pixels are 0 (see
    /// `SplineZoom`).
    package func callAsFunction(_ plane: [Float]) -> [Float] { resized(plane, outside: 0) }

    private func resized<Value>(_ plane: [Value], outside: Value) -> [Value] {
        precondition(plane.count == input.count, "NearestZoom: expected \(input.count) values, got \(plane.count)")
        if input == output { return plane }
        var result = [Value](repeating: outside, count: output.count)
        plane.withUnsafeBufferPointer { plane in
            result.withUnsafeMutableBufferPointer { result in
                for (y, row) in rows.enumerated() where row >= 0 {
                    let (source, target) = (plane.baseAddress! + row * input.width, result.baseAddress! + y * output.width)
                    for x in 0..<output.width {
                        let column = columns[x]
                        if column >= 0 { target[x] = source[column] }
                    }
                }
            }
        }
        return result
    }
}

/// Input positions of every output position, corners on corners; nil if rounding puts one beyond
/// the last input.
private func samplePositions(from inputCount: Int, to outputCount: Int) -> [Double?] {
    // One output position takes the first input; the same step as SciPy's (1) keeps the two in
    // agreement.
    let step = outputCount > 1 ? Double(inputCount - 1) / Double(outputCount - 1) : 1
    return (0..<outputCount).map { k in
        let position = Double(k) * step
        return position > Double(inputCount - 1) ? nil : position
    }
}

/// The index that whole-sample mirroring (… 2 1 | 0 1 2 … n−1 | n−2 …) maps `index` to.
private func mirrored(_ index: Int, count: Int) -> Int {
    guard count > 1 else { return 0 }
    let period = 2 * count - 2
    let folded = ((index % period) + period) % period
    return folded < count ? folded : period - folded
}
