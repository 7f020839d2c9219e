/// A rotation or reflection of a picture, one of the eight elements of the dihedral group. It
/// permutes pixels, so it can be undone exactly.
struct PictureView: Sendable, Hashable {
    /// Mirrors up and down.
    var flipsRows = false
    /// Mirrors left and right.
    var flipsColumns = false
    /// Exchanges rows and columns afterwards.
    var transposes = false

    /// The place of each pixel of a plane in the view of that plane.
    func places(height: Int, width: Int) -> [Int] {
        (0..<height).flatMap { y -> [Int] in
            let row = flipsRows ? height - 1 - y : y
            return (0..<width).map { x in
                let column = flipsColumns ? width - 1 - x : x
                return transposes ? column * height + row : row * width + column
            }
        }
    }
}

/// The views of each picture whose probabilities are averaged.
public enum TestTimeAugmentation: String, Sendable, Codable, CaseIterable {
    /// The picture alone.
    case none
    /// The picture, mirrored left and right, up and down, and both: four passes.
    case flips
    /// All eight elements of the dihedral group: the flips, also turned by a quarter.
    case full

    /// The views, the picture as it is first.
    var views: [PictureView] {
        let flips = [(false, false), (false, true), (true, false), (true, true)]
        let turned = self == .full ? [false, true] : [false]
        guard self != .none else { return [PictureView()] }
        return turned.flatMap { turned in
            flips.map { PictureView(flipsRows: $0.0, flipsColumns: $0.1, transposes: turned) }
        }
    }
}
