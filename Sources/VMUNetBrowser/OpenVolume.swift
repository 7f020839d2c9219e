import Segmentation

/// A volume that is segmented slice by slice.
struct OpenVolume {
    let slice: PlaneSize
    let resizer: SliceResizer
    /// The intensities that become 0 and 1.
    let range: (low: Float, high: Float)
    private let intensities: [Float]

    init(_ values: [Float], slice: PlaneSize, window: IntensityWindow, scale: Float, network: PlaneSize) {
        self.slice = slice
        resizer = SliceResizer(slice: slice, network: network)
        range = window.limits(of: values)
        intensities = window.applied(to: values, scale: scale)
    }

    /// Slice `z` as the network is given it.
    func plane(_ z: Int) -> [Float] {
        resizer.prepare(Array(intensities[z * slice.count..<(z + 1) * slice.count]))
    }
}
