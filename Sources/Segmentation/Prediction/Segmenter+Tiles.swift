import Imaging

extension Segmenter {
    /// The most tiles side by side.
    static let tilesAtOnce = 8

    /// The numbers of tiles and of passes that a picture of this size takes. A picture that is
    /// resized as a whole is one tile; a pass takes one tile, in one view, through one network.
    public func work(width: Int, height: Int) -> (tiles: Int, passes: Int) {
        let tiles = isTiled ? window(PlaneSize(height: height, width: width)).count : 1
        return (tiles, tiles * passes)
    }

    func window(_ plane: PlaneSize) -> SlidingWindow {
        SlidingWindow(plane, size: PlaneSize(height: imageSize, width: imageSize), overlap: prediction.overlap)
    }

    /// Computes the picture's probabilities at its own size. `row` receives each row, maps ×
    /// columns, from the top; only one row of tiles is in memory.
    private func tileRows(
        of picture: Picture, _ window: SlidingWindow, check: () throws -> Void, row: (_ values: [Float]) throws -> Void
    ) throws {
        let stretch = Preprocessing.stretch(picture, scale: convention.pictureScale)
        var sum = TileSum(window, maps: mapCount)
        for start in stride(from: 0, to: window.count, by: Self.tilesAtOnce) {
            try check()
            let count = min(Self.tilesAtOnce, window.count - start)
            let tiles = (start..<start + count).flatMap { tile in
                let corner = window.corner(tile)
                return Preprocessing.cut(picture, row: corner.row, column: corner.column, size: window.size, values: stretch)
            }
            let found = try answer(tiles, batch: count)
            for index in 0..<count { try sum.add(found.picture(index)) { try row($1) } }
        }
    }

    /// Segments a picture tile by tile at its own resolution.
    func segmentTiles(of picture: Picture, check: () throws -> Void) throws -> Result {
        let (classes, area) = (network.classes, picture.width * picture.height)
        let maps = mapCount, window = window(PlaneSize(height: picture.height, width: picture.width))
        try DataError.requireMemory(
            TileSum.bytes(window, maps: maps) + Self.tilesAtOnce * (12 + 8 * maps * passes) * window.size.count + 3 * area,
            for: "a picture of \(picture.width)×\(picture.height) pixels in tiles of \(imageSize)×\(imageSize)",
            remedy: "Make the picture smaller, or lower --tile.")
        var (mask, grey, entropy): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        mask.reserveCapacity(area)
        grey.reserveCapacity(area)
        var doubt = DoubtSum(classes: classes, maps: maps)
        try tileRows(of: picture, window, check: check) { row in
            let labels = ProbabilityMaps.labels(row, classes: classes, area: picture.width, threshold: threshold)
            mask += classes == 1 ? labels.map { $0 == 0 ? 0 : 255 } : labels
            for x in 0..<picture.width {
                let value = UInt8(min(row[x], 1) * 255 + 0.5)
                grey.append(classes == 1 ? value : 255 - value)
            }
            if prediction.measuresDoubt { entropy += doubt.add(row, labels: labels) }
        }
        try clean(&mask, picture.width, picture.height)
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: mask), classes: classes,
            doubt: prediction.measuresDoubt ? doubt.doubt : nil, shown: .own(grey, entropy: entropy))
    }
}

extension Preprocessing {
    /// A table from a picture's 256 values to the network's: stretched like
    /// ``stretched(_:height:width:)``, then scaled to 0…`scale`.
    static func stretch(_ picture: Picture, scale: Float) -> [Float] {
        guard let least = picture.pixels.min(), let greatest = picture.pixels.max() else { return [] }
        // A picture of every value between the extremes.
        let ramp = Picture(width: 256, height: 1, channels: 1, pixels: (0...255).map { min(max($0, least), greatest) })
        return stretched(ramp, height: 1, width: 256).prefix(256).map { scale == 255 ? $0 : $0 * (scale / 255) }
    }

    /// A piece of a picture as planes, 3 × size, through a table of values; 0 outside.
    static func cut(_ picture: Picture, row: Int, column: Int, size: PlaneSize, values: [Float]) -> [Float] {
        var planes = [Float](repeating: 0, count: 3 * size.count)
        let columns = max(0, -column)..<max(max(0, -column), min(size.width, picture.width - column))
        picture.pixels.withUnsafeBufferPointer { pixels in
            for channel in 0..<3 {
                let offset = picture.channels == 1 ? 0 : channel
                for y in max(0, -row)..<max(max(0, -row), min(size.height, picture.height - row)) {
                    let source = (row + y) * picture.width + column
                    let target = channel * size.count + y * size.width
                    for x in columns { planes[target + x] = values[Int(pixels[(source + x) * picture.channels + offset])] }
                }
            }
        }
        return planes
    }
}
