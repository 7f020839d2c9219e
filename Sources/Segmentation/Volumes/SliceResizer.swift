/// Resizes slices to the network's input and labels back.
package struct SliceResizer: Sendable {
    /// The size of the slices.
    package let slice: PlaneSize
    /// The size that the network sees.
    package let network: PlaneSize
    private let forward: SplineZoom
    private let back: NearestZoom

    /// Prepares both directions once for a volume.
    package init(slice: PlaneSize, network: PlaneSize) {
        self.slice = slice
        self.network = network
        forward = SplineZoom(from: slice, to: network)
        back = NearestZoom(from: network, to: slice)
    }

    /// Resizes a slice of intensities, (slice height, width), to the network's input by cubic
    /// spline, (network height, width).
    package func prepare(_ intensities: [Float]) -> [Float] { forward(intensities) }

    /// Resizes the network's labels, (network height, width), to the slice's size by nearest pixel,
    /// (slice height, width).
    package func restore(_ labels: [UInt8]) -> [UInt8] { back(labels) }
}
