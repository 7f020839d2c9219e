/// Fits slices to the network's square input.
public enum SliceFit: String, Sendable, Codable, CaseIterable {
    /// Stretched to its size, as in the published protocol.
    case stretch
    /// Resampled to the training set's spacing, then filled up with 0 or cut into overlapping
    /// squares.
    case spacing
}

extension PlaneSize {
    /// The pixels that slices of this size and spacing get at another spacing: borders stay where
    /// they are, so that the result is the same piece of the body. Unchanged if one is unknown.
    func resampled(from spacing: VoxelSpacing?, to target: VoxelSpacing?) -> PlaneSize {
        guard let spacing, let target else { return self }
        func pixels(_ count: Int, _ from: Double, _ to: Double) -> Int {
            let wanted = (Double(count) * from / to).rounded()
            return wanted.isFinite ? Int(min(max(wanted, 1), Double(LabelVolume.largestExtent))) : count
        }
        return PlaneSize(height: pixels(height, spacing.height, target.height), width: pixels(width, spacing.width, target.width))
    }
}
