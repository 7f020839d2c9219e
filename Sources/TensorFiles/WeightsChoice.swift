/// Selects among several sets of weights in a checkpoint.
public enum WeightsChoice: Sendable, Equatable {
    /// The network's own weights after the last training step.
    case model
    /// The weights averaged over training (EMA, SWA).
    case average
    /// The set of this name, such as `params` or `model.state_dict`.
    case named(String)

    /// Parses a user's choice: `model`, `average`, or a set's name.
    public init(name: String) {
        switch name {
        case "model": self = .model
        case "average": self = .average
        default: self = .named(name)
        }
    }

    /// The name that ``init(name:)`` takes.
    public var name: String {
        switch self {
        case .model: "model"
        case .average: "average"
        case .named(let name): name
        }
    }

    /// True if trainers use this name for averaged weights: `model_ema`, `ema_state_dict`,
    /// `swaModel`, `teacher`.
    public static func isAverage(_ name: String) -> Bool {
        words(name).contains { ["ema", "average", "averaged", "avg", "swa", "shadow", "teacher"].contains($0) }
    }

    /// True if a name stands for training state beside the weights: optimisers, schedules, scalers,
    /// losses.
    package static func isTrainingState(_ name: String) -> Bool {
        words(name).contains {
            ["optimizer", "optimizers", "optim", "scheduler", "schedulers", "scaler", "loss", "criterion"].contains($0)
        }
    }

    /// A name's words in lower case, split at non-letters and before a capital that follows a small
    /// letter.
    private static func words(_ name: String) -> [String] {
        var words = [""]
        var wasLower = false
        for character in name {
            guard character.isLetter else {
                words.append("")
                wasLower = false
                continue
            }
            if character.isUppercase, wasLower { words.append("") }
            words[words.count - 1] += character.lowercased()
            wasLower = character.isLowercase
        }
        return words
    }
}
