/// Which weights to take from a checkpoint that holds several sets.
public enum WeightsChoice: Sendable, Equatable {
    /// The network's own weights, as the last step of training left them.
    case model
    /// The average of the weights over the training (EMA, SWA).
    case average
    /// The set of this name, such as `params` or `model.state_dict`.
    case named(String)

    /// Whether a name is one that trainers give to averaged weights: `model_ema`, `ema_state_dict`, `swaModel`, `teacher`.
    public static func isAverage(_ name: String) -> Bool {
        words(name).contains { ["ema", "average", "averaged", "avg", "swa", "shadow", "teacher"].contains($0) }
    }

    /// Whether a name is one of what trainers keep beside the weights: the state of optimisers, schedules, scalers and losses.
    static func isTrainingState(_ name: String) -> Bool {
        words(name).contains {
            ["optimizer", "optimizers", "optim", "scheduler", "schedulers", "scaler", "loss", "criterion"].contains($0)
        }
    }

    /// The words of a name in lower case: it is split where letters end and where a capital follows a small letter.
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
