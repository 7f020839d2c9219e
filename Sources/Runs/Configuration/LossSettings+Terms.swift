import Segmentation

extension RunConfiguration.LossSettings {
    /// The terms' weights by the names that configurations and `--loss` give the terms.
    static let weights: [(term: String, key: WritableKeyPath<RunConfiguration.LossSettings, Double> & Sendable)] = [
        ("cross_entropy", \.crossEntropy), ("dice", \.dice), ("focal", \.terms.focal), ("tversky", \.terms.tversky),
        ("boundary", \.terms.boundary), ("cldice", \.terms.centerlineDice),
    ]

    /// The names of the loss's terms in configurations and in `--loss`.
    public static let termNames = weights.map(\.term)
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
    /// anything but a number of 0 or more behind it.
    public init?(_ text: String) {
        guard let weights = NamedNumbers.parse(text, names: RunConfiguration.LossSettings.termNames, default: 1) else { return nil }
        self.weights = weights
    }

    /// Gives every term its weight.
    public func apply(to loss: inout RunConfiguration.LossSettings) {
        for (term, key) in RunConfiguration.LossSettings.weights { loss[keyPath: key] = weights[term] ?? 0 }
    }
}
