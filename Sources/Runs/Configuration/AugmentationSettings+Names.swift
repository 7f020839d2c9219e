import Files
import Foundation
import Segmentation

extension AugmentationSettings {
    /// The strengths by their names in configurations, each with its largest value.
    private static let strengths: [(name: String, key: WritableKeyPath<AugmentationSettings, Double> & Sendable, limit: Double)] = [
        ("brightness", \.brightness, 1), ("contrast", \.contrast, 1), ("gamma", \.gamma, 9), ("noise", \.noise, 1), ("blur", \.blur, 64),
        ("elastic", \.elastic, 100_000),
    ]

    /// Every invalid setting, in the order of the file.
    var problems: [InvalidSetting] {
        var problems: [InvalidSetting] = []
        problems.require((0...1).contains(probability), "probability", "0 to 1", probability)
        for (name, key, limit) in Self.strengths {
            problems.require((0...limit).contains(self[keyPath: key]), name, "0 to \(fixedPoint(limit, digits: 0))", self[keyPath: key])
        }
        problems.require(elasticSigma > 0 && elasticSigma <= 256, "elastic_sigma", "above 0, up to 256", elasticSigma)
        return problems
    }
}

/// Augmentation as the command line gives it: `noise=0.05,scale=0.25`.
public struct AugmentationStrengths: Sendable, Equatable {
    /// The strengths by their names.
    public let strengths: [String: Double]

    /// The settings by their names on the command line: those of
    /// ``/Segmentation/AugmentationSettings`` as in configurations, and two of
    /// ``/Segmentation/DataSettings``.
    private static let settings: [(name: String, key: WritableKeyPath<DataSettings, Double> & Sendable)] = [
        ("scale", \.zoomJitter), ("color", \.colorJitter), ("brightness", \.augmentation.brightness),
        ("contrast", \.augmentation.contrast), ("gamma", \.augmentation.gamma), ("noise", \.augmentation.noise),
        ("blur", \.augmentation.blur), ("elastic", \.augmentation.elastic), ("elastic_sigma", \.augmentation.elasticSigma),
        ("probability", \.augmentation.probability),
    ]

    /// The names of the settings: `scale` stands for ``/Segmentation/DataSettings/zoomJitter`` and
    /// `color` for ``/Segmentation/DataSettings/colorJitter``; configurations have the others, too.
    public static let names = settings.map(\.name)

    /// Nil if a name is not one of ``names`` or comes twice, or has no number behind it.
    public init?(_ text: String) {
        guard let pairs = NamedNumbers.parse(text, names: Self.names, default: nil) else { return nil }
        strengths = pairs
    }

    /// Sets the strengths that were given.
    public func apply(to data: inout DataSettings) {
        for (name, key) in Self.settings {
            if let strength = strengths[name] { data[keyPath: key] = strength }
        }
    }
}

/// Lists such as `dice=1,focal=0.5` on the command line.
enum NamedNumbers {
    /// The numbers by their names; a name alone has the default. Nil for other names, a name that
    /// comes twice, and anything that is not a number of 0 or more. Without `names`, any will do.
    static func parse(_ text: String, names: [String]?, default usual: Double?) -> [String: Double]? {
        var numbers: [String: Double] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = pieces[0].trimmingCharacters(in: .whitespaces)
            let number = pieces.count == 2 ? Double(pieces[1].trimmingCharacters(in: .whitespaces)) : usual
            guard names?.contains(name) ?? !name.isEmpty, numbers[name] == nil, let number, number >= 0, number.isFinite else { return nil }
            numbers[name] = number
        }
        return numbers
    }
}
