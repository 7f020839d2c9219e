/// Optional terms of the loss beside cross-entropy and Dice. A weight of 0 turns a term off.
public struct LossTerms: Sendable, Hashable, Codable {
    /// λ of the focal loss (Lin et al., 2017). It weighs a pixel's cross-entropy by (1 − p)^γ,
    /// where p is the probability of the true class.
    public var focal = 0.0
    /// γ of the focal loss; 0 makes it the cross-entropy.
    public var focalGamma = 2.0
    /// α of the focal loss of one class: foreground weighs α, background 1 − α. Nil weighs both 1.
    public var focalAlpha: Double?
    /// λ of the Tversky loss (Salehi et al., 2017).
    public var tversky = 0.0
    /// Weights of false positives and false negatives in the Tversky loss; ½ each makes it a Dice
    /// loss.
    public var tverskyAlpha = 0.3, tverskyBeta = 0.7
    /// λ of the boundary loss (Kervadec et al., 2019): the mean of probability times signed
    /// distance to the truth's outline, in pixels. It is negative where the answer is right.
    public var boundary = 0.0
    /// λ of the soft centreline Dice loss (Shit et al., 2021).
    public var centerlineDice = 0.0
    /// Erosions of the soft skeleton: at least the largest radius of a vessel, in pixels.
    public var centerlineIterations = 3

    /// All terms off.
    public init() {}

    /// True if every weight is 0.
    public var areOff: Bool { focal == 0 && tversky == 0 && boundary == 0 && centerlineDice == 0 }

    /// Added to numerator and denominator of the Tversky loss, as in MONAI.
    package static let tverskySmoothing = 1e-5
    /// Added to numerators and denominators of the centreline's precision and sensitivity, and to
    /// their harmonic mean's denominator, as in MONAI.
    package static let centerlineSmoothing = 1.0, harmonicSmoothing = 1e-4
}
