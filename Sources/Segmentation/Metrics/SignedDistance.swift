/// Signed Euclidean distances to a region's outline. The boundary loss weighs pixels by them
/// (Kervadec et al., "Boundary loss for highly unbalanced segmentation", 2019).
package enum SignedDistance {
    /// The distance of each pixel, in pixels. Outside the region it is the distance to the nearest
    /// pixel inside; inside, 1 minus the distance to the nearest pixel outside. A region that is
    /// empty or covers the map has no outline, and all distances are 0.
    ///
    /// - Parameter inside: height × width.
    static func map(of inside: [Bool], height: Int, width: Int) -> [Float] {
        guard inside.contains(true), inside.contains(false) else { return [Float](repeating: 0, count: inside.count) }
        let (outward, inward) = (squares(to: true, inside, height, width), squares(to: false, inside, height, width))
        return inside.indices.map { inside[$0] ? 1 - Float(inward[$0].squareRoot()) : Float(outward[$0].squareRoot()) }
    }

    /// The squared distance of each pixel to the nearest one of this value.
    private static func squares(to value: Bool, _ inside: [Bool], _ height: Int, _ width: Int) -> [Double] {
        var squares = [Double](repeating: .infinity, count: inside.count)
        let row = LowerEnvelope(length: width, spacing: 1)
        for y in 0..<height {
            row.reset()
            for x in 0..<width where inside[y * width + x] == value { row.add(x, 0) }
            for x in 0..<width { squares[y * width + x] = row.height(at: x) }
        }
        let column = LowerEnvelope(length: height, spacing: 1)
        for x in 0..<width {
            column.reset()
            for y in 0..<height where squares[y * width + x].isFinite { column.add(y, squares[y * width + x]) }
            for y in 0..<height { squares[y * width + x] = column.height(at: y) }
        }
        return squares
    }
}

extension Sample.Target {
    /// The signed distances of every class's region, picture by picture: [batch, classes, height,
    /// width]. The one class of a binary target is where it is at least 0.5. Ignored pixels lie
    /// outside every region.
    package func signedDistances(classes: Int, height: Int, width: Int) -> [Float] {
        let area = height * width
        let pictures = (area == 0 ? 0 : count / area)
        return Parallel.map(pictures * classes) { plane in
            let range = (plane / classes) * area..<(plane / classes + 1) * area
            let inside: [Bool] =
                switch self {
                case .binary(let truth): truth[range].map { $0 >= 0.5 }
                case .labels(let truth): truth[range].map { Int($0) == plane % classes }
                }
            return SignedDistance.map(of: inside, height: height, width: width)
        }.flatMap(\.self)
    }

    /// Pixels of all pictures.
    private var count: Int {
        switch self {
        case .binary(let truth): truth.count
        case .labels(let truth): truth.count
        }
    }
}
