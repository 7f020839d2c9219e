extension Resize {
    /// The picture scaled to fit a square, proportions kept: box average to shrink, nearest to
    /// grow. For viewing, not for a network.
    public static func thumbnail(_ picture: Picture, fitting side: Int) -> Picture {
        precondition(side > 0, "sizes are at least 1")
        let longer = max(picture.width, picture.height)
        let to = (height: max(1, picture.height * side / longer), width: max(1, picture.width * side / longer))
        guard longer > side else { return nearest(picture, to: to) }
        let channels = picture.channels
        var out = [UInt8](repeating: 0, count: to.height * to.width * channels)
        var sums = [Int](repeating: 0, count: to.width * channels)
        let edges = (0...to.width).map { $0 * picture.width / to.width }
        picture.pixels.withUnsafeBufferPointer { source in
            for y in 0..<to.height {
                let (first, last) = (
                    y * picture.height / to.height, max((y + 1) * picture.height / to.height, y * picture.height / to.height + 1)
                )
                for i in sums.indices { sums[i] = 0 }
                for row in first..<last {
                    for x in 0..<to.width {
                        for column in edges[x]..<max(edges[x + 1], edges[x] + 1) {
                            for c in 0..<channels { sums[x * channels + c] += Int(source[(row * picture.width + column) * channels + c]) }
                        }
                    }
                }
                for x in 0..<to.width {
                    let count = (last - first) * max(edges[x + 1] - edges[x], 1)
                    for c in 0..<channels { out[(y * to.width + x) * channels + c] = UInt8((sums[x * channels + c] + count / 2) / count) }
                }
            }
        }
        return Picture(width: to.width, height: to.height, channels: channels, pixels: out)
    }
}
