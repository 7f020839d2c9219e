#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Overlapping tiles of the network's size that cover a plane, as MONAI defines them
/// (`sliding_window_inference`, Gaussian mode). The step is the size minus the overlap, and the
/// last tile is moved back to the border. Pixel weights fall off from a tile's middle, where the
/// network sees most of the surroundings. A plane smaller than a tile is padded with 0 on both
/// sides.
package struct SlidingWindow: Sendable {
    package let plane: PlaneSize
    /// A tile's size.
    package let size: PlaneSize
    /// The plane's row at the first pixel of each row of tiles; negative if it is padded.
    package let rows: [Int]
    /// The plane's column at the first pixel of each column of tiles.
    package let columns: [Int]
    /// The weights of a tile's pixels, (rows, columns).
    package let importance: [Float]

    /// MONAI's usual share of a tile that its neighbour covers too.
    package static let usualOverlap = 0.5

    package init(_ plane: PlaneSize, size: PlaneSize, overlap: Double = usualOverlap) {
        (self.plane, self.size) = (plane, size)
        rows = Self.starts(plane.height, size.height, overlap: overlap)
        columns = Self.starts(plane.width, size.width, overlap: overlap)
        importance = Self.importance(size)
    }

    /// The number of tiles.
    package var count: Int { rows.count * columns.count }

    /// A tile's first row and column; tiles are counted row by row.
    func corner(_ tile: Int) -> (row: Int, column: Int) { (rows[tile / columns.count], columns[tile % columns.count]) }

    /// The starts of tiles along an axis.
    static func starts(_ extent: Int, _ size: Int, overlap: Double = usualOverlap) -> [Int] {
        guard extent > size else { return [-((size - extent) / 2)] }
        let step = max(1, Int(Double(size) * (1 - overlap)))
        let count = (extent - size + step - 1) / step + 1
        return (0..<count).map { min($0 * step, extent - size) }
    }

    /// A Gaussian with a deviation of an eighth of the extent; weights are at least a thousandth.
    private static func importance(_ size: PlaneSize) -> [Float] {
        func bell(_ count: Int) -> [Double] {
            let (middle, deviation) = (Double(count - 1) / 2, Double(count) / 8)
            return (0..<count).map { exp(-(Double($0) - middle) * (Double($0) - middle) / (2 * deviation * deviation)) }
        }
        let (down, across) = (bell(size.height), bell(size.width))
        return down.flatMap { row in across.map { Float(max(row * $0, 1e-3)) } }
    }

    /// Cuts one tile out of each plane: channels × size.
    func cut(_ planes: [Float], _ tile: Int) -> [Float] {
        let corner = corner(tile)
        return Self.cut(planes, plane, row: corner.row, column: corner.column, size: size)
    }

    /// Applies `answer` to the tiles of each picture or slice, channels × plane, and returns the
    /// weighted means, maps × plane. `answer` gets up to `batchSize` tiles, count × channels ×
    /// size, and returns count × maps × size.
    package func maps(
        of pictures: [[Float]], maps: Int, batchSize: Int, answer: (_ tiles: [Float], _ count: Int) throws -> [Float]
    ) rethrows -> [[Float]] {
        var sums = pictures.map { _ in TileSum(self, maps: maps) }
        var means = pictures.map { _ in [Float](repeating: 0, count: maps * plane.count) }
        for start in stride(from: 0, to: pictures.count * count, by: batchSize) {
            let batch = min(batchSize, pictures.count * count - start)
            let found = try answer((start..<start + batch).flatMap { cut(pictures[$0 / count], $0 % count) }, batch)
            for index in 0..<batch {
                let picture = (start + index) / count
                sums[picture].add(Array(found[index * maps * size.count..<(index + 1) * maps * size.count])) { row, values in
                    for map in 0..<maps {
                        let (to, from) = (map * plane.count + row * plane.width, map * plane.width)
                        for x in 0..<plane.width { means[picture][to + x] = values[from + x] }
                    }
                }
            }
        }
        return means
    }

    /// Cuts a piece out of each plane; pixels outside the plane are 0.
    static func cut<Value: ExpressibleByIntegerLiteral>(
        _ planes: [Value], _ plane: PlaneSize, row: Int, column: Int, size: PlaneSize
    ) -> [Value] {
        let channels = planes.count / plane.count
        var pieces = [Value](repeating: 0, count: channels * size.count)
        let columns = max(0, -column)..<max(max(0, -column), min(size.width, plane.width - column))
        for channel in 0..<channels {
            for y in max(0, -row)..<max(max(0, -row), min(size.height, plane.height - row)) {
                let source = channel * plane.count + (row + y) * plane.width + column
                let target = channel * size.count + y * size.width
                for x in columns { pieces[target + x] = planes[source + x] }
            }
        }
        return pieces
    }
}

/// Accumulates the weighted means of one plane's tiles. It holds only rows that later tiles still
/// reach, so a plane of any height takes the memory of one row of tiles.
struct TileSum {
    private let window: SlidingWindow
    /// Planes of values in each tile.
    private let maps: Int
    /// maps × tile's rows × plane's columns; the first row is the plane's row `top`.
    private var sums: [Float] = []
    private var weights: [Float] = []
    private var top: Int
    private var next = 0

    init(_ window: SlidingWindow, maps: Int) {
        (self.window, self.maps, top) = (window, maps, max(0, window.rows[0]))
        guard window.count > 1 else { return }
        sums = [Float](repeating: 0, count: maps * window.size.height * window.plane.width)
        weights = [Float](repeating: 0, count: window.size.height * window.plane.width)
    }

    /// The bytes that a sum takes.
    static func bytes(_ window: SlidingWindow, maps: Int) -> Int { 4 * (maps + 1) * window.size.height * window.plane.width }

    /// Adds the next tile, maps × its size, in tile order. `finished` receives each row of the
    /// plane that no later tile reaches, maps × columns.
    mutating func add(_ tile: [Float], finished: (_ row: Int, _ values: [Float]) throws -> Void) rethrows {
        let (size, plane, corner) = (window.size, window.plane, window.corner(next))
        defer { next += 1 }
        let columns = max(0, -corner.column)..<min(size.width, plane.width - corner.column)
        guard window.count > 1 else {
            // Passes the values on unweighted: multiplying and dividing by a weight may change
            // bits.
            for y in max(0, -corner.row)..<min(size.height, plane.height - corner.row) {
                let row = (0..<maps).flatMap { map -> ArraySlice<Float> in
                    let start = (map * size.height + y) * size.width
                    return tile[start + columns.lowerBound..<start + columns.upperBound]
                }
                try finished(corner.row + y, row)
            }
            return
        }
        let (width, band) = (plane.width, size.height * plane.width)
        tile.withUnsafeBufferPointer { tile in
            for y in max(0, -corner.row)..<min(size.height, plane.height - corner.row) {
                for x in columns {
                    let (place, pixel) = ((corner.row + y - top) * width + corner.column + x, y * size.width + x)
                    let weight = window.importance[pixel]
                    weights[place] += weight
                    for map in 0..<maps { sums[map * band + place] += weight * tile[map * size.count + pixel] }
                }
            }
        }
        guard (next + 1).isMultiple(of: window.columns.count) else { return }
        let row = (next + 1) / window.columns.count
        try pass(to: row < window.rows.count ? window.rows[row] : plane.height, finished)
    }

    /// Passes on the rows before `end` and moves the remaining ones to the front.
    private mutating func pass(to end: Int, _ finished: (_ row: Int, _ values: [Float]) throws -> Void) rethrows {
        let (width, height) = (window.plane.width, window.size.height)
        for y in top..<end {
            let first = (y - top) * width
            try finished(
                y, (0..<maps).flatMap { map in (0..<width).map { sums[map * height * width + first + $0] / weights[first + $0] } })
        }
        let moved = min(end - top, height) * width
        for map in 0..<maps {
            let start = map * height * width
            for i in 0..<height * width - moved { sums[start + i] = sums[start + moved + i] }
            for i in height * width - moved..<height * width { sums[start + i] = 0 }
        }
        for i in 0..<height * width - moved { weights[i] = weights[moved + i] }
        for i in height * width - moved..<height * width { weights[i] = 0 }
        top = end
    }
}
