import Files
import Segmentation

extension TrainingAdvice {
    /// A setting that the advice is about.
    package enum Subject: CaseIterable, Sendable { case input, evaluation, balance, network, batch }

    /// The settings that the advice changes, each with its reason: "--patch-size 256: resized to …".
    package func lines(_ subjects: Set<Subject> = Set(Subject.allCases)) -> [String] {
        Subject.allCases.filter(subjects.contains).compactMap { subject in
            switch subject {
            case .input: pictures?.input
            case .evaluation: pictures?.evaluation
            case .balance: pictures?.rarest?.balance(among: pictures?.pictures ?? 0)
            case .network: network?.choice
            case .batch: network?.batch
            }
        }
    }
}

extension PictureAdvice {
    fileprivate var input: String? {
        fidelity.map { fidelity in
            let kept = "\(counted(fidelity.masks, "mask")) resized to \(fidelity.imageSize)×\(fidelity.imageSize) and back"
            let dice = "a mean Dice of \(fixedPoint(fidelity.dice * 100, digits: 1)) %"
            return patchSize.map { "--patch-size \($0): \(kept) keep only \(dice)" } ?? "--image-size \(imageSize): \(kept) keep \(dice)"
        }
    }

    fileprivate var evaluation: String? {
        evaluateEvery > 1 ? "evaluate_every: \(evaluateEvery) in --config: validation by tiles then takes a fifth of the time" : nil
    }
}

extension PictureAdvice.RareClass {
    fileprivate func balance(among pictures: Int) -> String {
        "--balance: label \(label) is in \(samples) of \(pictures) masks; pictures with rare labels then come up to \(repeats) times an epoch"
    }
}

extension TrainingAdvice.Network {
    fileprivate var choice: String? {
        guard let preset else { return nil }
        let reason = preset == "small" ? "a step takes about a third of base's time" : "larger ones do not fit into half of the free memory"
        return "--preset \(preset): \(reason)"
    }

    fileprivate var batch: String {
        let range = "±\(fixedPoint(TrainingMemory.error * 100, digits: 0)) %"
        return "--batch-size \(batchSize): \(batchReason); training takes about \(Memory.size(memory)) (\(range)) "
            + "beside the pictures it keeps, of \(Memory.size(freeMemory)) free"
    }

    private var batchReason: String {
        if memory > freeMemory / 2 { return "even one picture takes more than half of the free memory" }
        if 2 * batchSize <= largestBatch { return "as many as half of the free memory holds" }
        return batchSize == 32 ? "as in the paper" : "leaves four steps an epoch"
    }
}
