/// Variations of training samples beyond the published flips and rotations, each off at 0.
///
/// Values lie between a least and a greatest one: 0 and 255 for pictures, 0 and 1 for slices,
/// otherwise each channel's own. "Range" is their difference; results stay within it.
public struct AugmentationSettings: Sendable, Hashable, Codable {
    /// The probability that a sample gets each of the variations, drawn one by one.
    public var probability = 0.5
    /// Values shift by up to ± this · range.
    public var brightness = 0.0
    /// Values' distance from the least is multiplied by 1 − this to 1 + this.
    public var contrast = 0.0
    /// Values between 0 (the least) and 1 (the greatest) are raised to the power of 1/(1 + this) to
    /// 1 + this, uniform in the logarithm.
    public var gamma = 0.0
    /// The largest standard deviation of Gaussian noise, as a share of the range.
    public var noise = 0.0
    /// The largest standard deviation of a Gaussian blur, in pixels of the network's input.
    public var blur = 0.0
    /// The largest amplitude of an elastic deformation, in pixels: uniform noise of ± the amplitude
    /// is smoothed and moves each pixel (Simard et al., 2003).
    public var elastic = 0.0
    /// The standard deviation of that smoothing, in pixels.
    public var elasticSigma = 8.0

    /// All variations off.
    public init() {}

    /// True if no sample changes.
    public var isOff: Bool {
        probability == 0 || [brightness, contrast, gamma, noise, blur, elastic].allSatisfy { $0 == 0 }
    }
}
