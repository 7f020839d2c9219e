/// Brings slices to the network's size and labels back to theirs.
public struct SliceResizer: Sendable {
    /// The size of the slices, and the network's.
    public let slice: PlaneSize
    public let network: PlaneSize
    private let forward: SplineZoom
    private let back: NearestZoom

    /// Prepares both ways once for a volume.
    public init(slice: PlaneSize, network: PlaneSize) {
        self.slice = slice
        self.network = network
        forward = SplineZoom(from: slice, to: network)
        back = NearestZoom(from: network, to: slice)
    }

    /// A slice of intensities, (slice height, width), as the network is given it: cubic spline, (network height, width).
    public func prepare(_ intensities: [Float]) -> [Float] { forward(intensities) }

    /// The network's labels, (network height, width), at the slice's size: nearest pixel, (slice height, width).
    public func restore(_ labels: [UInt8]) -> [UInt8] { back(labels) }
}
