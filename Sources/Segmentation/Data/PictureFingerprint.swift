import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A picture's fingerprint: its grey values on a grid of 32×32, and a perceptual hash of them
/// (pHash: Zauner, 2010), which scaling, compression and brightness hardly change.
struct PictureFingerprint: Sendable, Equatable {
    static let side = 32
    /// Mean grey of the whole picture, 0…255, and the standard deviation within it.
    let mean: Float, deviation: Float
    /// Grey values of the grid, row by row, 0…255.
    let grid: [Float]

    /// Averages the picture's pixels, of one channel or RGB, within each cell.
    init(_ picture: Picture) {
        let (side, width, height, channels) = (Self.side, picture.width, picture.height, picture.channels)
        var sums = [Double](repeating: 0, count: side * side), counts = sums
        var (total, squares) = (0.0, 0.0)
        let columns = (0..<width).map { $0 * side / width }
        picture.pixels.withUnsafeBufferPointer { pixels in
            for y in 0..<height {
                let row = y * side / height * side
                for x in 0..<width {
                    let place = (y * width + x) * channels
                    let grey =
                        channels < 3
                        ? Double(pixels[place])
                        : (299 * Double(pixels[place]) + 587 * Double(pixels[place + 1]) + 114 * Double(pixels[place + 2])) / 1000
                    sums[row + columns[x]] += grey
                    counts[row + columns[x]] += 1
                    total += grey
                    squares += grey * grey
                }
            }
        }
        let count = Double(max(width * height, 1))
        mean = Float(total / count)
        deviation = Float(max(0, squares / count - total / count * (total / count)).squareRoot())
        // If the picture has fewer pixels than the grid has cells, empty cells take the nearest before.
        grid = (0..<side * side).map { cell in
            if counts[cell] > 0 { return Float(sums[cell] / counts[cell]) }
            let (y, x) = (min(height - 1, cell / side * height / side), min(width - 1, cell % side * width / side))
            let source = y * side / height * side + x * side / width
            return Float(sums[source] / max(counts[source], 1))
        }
    }

    private init(mean: Float, deviation: Float, grid: [Float]) { (self.mean, self.deviation, self.grid) = (mean, deviation, grid) }

    /// True if the picture shows something: a flat one is like every other flat one.
    var isTelling: Bool { deviation >= 2 }

    /// Signs of the lowest 8×8 cosines of the grid, against their median; the first is the lowest
    /// bit.
    var hash: UInt64 {
        let (side, low) = (Self.side, 8)
        var rows = [Double](repeating: 0, count: low * side)
        for v in 0..<low {
            for x in 0..<side {
                rows[v * side + x] = (0..<side).reduce(0) { $0 + Double(grid[$1 * side + x]) * Self.cosines[v * side + $1] }
            }
        }
        var values = [Double](repeating: 0, count: low * low)
        for v in 0..<low {
            for u in 0..<low {
                values[v * low + u] = (0..<side).reduce(0) { $0 + rows[v * side + $1] * Self.cosines[u * side + $1] }
            }
        }
        let sorted = values.sorted(), median = (sorted[31] + sorted[32]) / 2
        return values.enumerated().reduce(0) { $1.element > median ? $0 | 1 << UInt64($1.offset) : $0 }
    }

    /// cos(π v (2 y + 1) / 64): the discrete cosine transform's first eight rows.
    private static let cosines: [Double] = (0..<8 * side).map { i in
        cos(.pi * Double(i / side) * Double(2 * (i % side) + 1) / Double(2 * side))
    }

    /// The grid mirrored and turned: itself first, then the seven others.
    var variants: [PictureFingerprint] {
        let side = Self.side
        return (0..<8).map { kind in
            var turned = grid
            for y in 0..<side {
                for x in 0..<side {
                    var (row, column) = kind & 4 == 0 ? (y, x) : (x, y)
                    if kind & 1 != 0 { column = side - 1 - column }
                    if kind & 2 != 0 { row = side - 1 - row }
                    turned[y * side + x] = grid[row * side + column]
                }
            }
            return PictureFingerprint(mean: mean, deviation: deviation, grid: turned)
        }
    }

    /// Pearson's correlation of the two grids, −1…1; 0 if one of them is flat.
    func correlation(with other: PictureFingerprint) -> Double {
        let count = Double(grid.count)
        let (a, b) = (grid.reduce(0) { $0 + Double($1) } / count, other.grid.reduce(0) { $0 + Double($1) } / count)
        var (both, own, others) = (0.0, 0.0, 0.0)
        for (x, y) in zip(grid, other.grid) {
            both += (Double(x) - a) * (Double(y) - b)
            own += (Double(x) - a) * (Double(x) - a)
            others += (Double(y) - b) * (Double(y) - b)
        }
        return own > 0 && others > 0 ? both / (own * others).squareRoot() : 0
    }
}

/// Finds pictures that show the same, perhaps scaled, compressed, brightened, mirrored or turned.
enum PictureDoubles {
    /// Hashes of doubles differ in at most this many bits: then they have a quarter in common.
    static let largestDistance = 3
    /// The least correlation of two doubles' grids. Grids tell apart what 64 signs cannot.
    static let leastCorrelation = 0.99

    /// Pairs of places in order, the lesser first. `isTurned`: one is mirrored or turned.
    static func pairs(_ prints: [PictureFingerprint]) -> [(a: Int, b: Int, isTurned: Bool)] {
        let variants = Parallel.map(prints) { print in print.isTelling ? print.variants.map { ($0, $0.hash) } : [] }
        var quarters: [UInt64: [Int]] = [:]
        for (index, own) in variants.enumerated() {
            for key in own.first.map({ Self.keys($0.1) }) ?? [] { quarters[key, default: []].append(index) }
        }
        let index = quarters
        return Parallel.map(prints.count) { b -> [(a: Int, b: Int, isTurned: Bool)] in
            var found: [Int: Bool] = [:]
            for (kind, variant) in variants[b].enumerated() {
                for key in keys(variant.1) {
                    for a in index[key] ?? [] where a < b && found[a] == nil {
                        guard (variants[a][0].1 ^ variant.1).nonzeroBitCount <= largestDistance,
                            prints[a].correlation(with: variant.0) >= leastCorrelation
                        else { continue }
                        found[a] = kind > 0
                    }
                }
            }
            return found.sorted { $0.key < $1.key }.map { ($0.key, b, $0.value) }
        }.flatMap(\.self).sorted { ($0.a, $0.b) < ($1.a, $1.b) }
    }

    /// A hash's four quarters, each with its place.
    private static func keys(_ hash: UInt64) -> [UInt64] { (0..<4).map { UInt64($0) << 16 | (hash >> (16 * UInt64($0))) & 0xFFFF } }
}
