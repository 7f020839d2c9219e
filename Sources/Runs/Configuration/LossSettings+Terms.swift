import Segmentation

extension RunConfiguration.LossSettings {
    /// The loss's terms by the names that configurations and `--loss` give them.
    public static let termNames = ["cross_entropy", "dice", "focal", "tversky", "boundary", "cldice"]

    /// The weight of a term of ``termNames``; a term of another name weighs 0 and cannot be set.
    public subscript(term name: String) -> Double {
        get {
            switch name {
            case "cross_entropy": crossEntropy
            case "dice": dice
            case "focal": terms.focal
            case "tversky": terms.tversky
            case "boundary": terms.boundary
            case "cldice": terms.centerlineDice
            default: 0
            }
        }
        set {
            switch name {
            case "cross_entropy": crossEntropy = newValue
            case "dice": dice = newValue
            case "focal": terms.focal = newValue
            case "tversky": terms.tversky = newValue
            case "boundary": terms.boundary = newValue
            case "cldice": terms.centerlineDice = newValue
            default: break
            }
        }
    }
}

/// Factors of the learning rate for stages as the command line gives them: `encoder=0.1`.
public struct StageRates: Sendable, Equatable {
    /// The factors by the stages' names.
    public let factors: [String: Double]

    /// Nil if a name is empty or comes twice, or has no number above 0 behind it.
    public init?(_ text: String) {
        guard let factors = NamedNumbers.parse(text, names: nil, default: nil), factors.values.allSatisfy({ $0 > 0 }) else { return nil }
        self.factors = factors
    }
}

/// The weights of a loss's terms as the command line gives them: `dice,focal=0.5`. Terms that are
/// not named weigh 0, names without a number 1.
public struct LossWeights: Sendable, Equatable {
    /// The weights by the terms' names.
    public let weights: [String: Double]

    /// Nil if a name is not one of ``RunConfiguration/LossSettings/termNames``, comes twice, or has
    /// something else than a number of 0 or more behind it.
    public init?(_ text: String) {
        guard let weights = NamedNumbers.parse(text, names: RunConfiguration.LossSettings.termNames, default: 1) else { return nil }
        self.weights = weights
    }

    /// Gives every term its weight.
    public func apply(to loss: inout RunConfiguration.LossSettings) {
        for name in RunConfiguration.LossSettings.termNames { loss[term: name] = weights[name] ?? 0 }
    }
}
