import Runs
import Segmentation

/// Made-up metrics, for pages and event files.
package enum RunSamples {
    package static func scores(_ share: Double) -> BinaryScores {
        var scores = BinaryScores(ConfusionCounts())
        (scores.miou, scores.dsc, scores[.accuracy]) = (share, min(1, share + 0.05), min(1, share + 0.1))
        (scores[.specificity], scores[.sensitivity]) = (min(1, share + 0.12), share + 0.02)
        return scores
    }

    package static func epoch(_ number: Int, train: Double, validation: Double?, score: Double, isBest: Bool) -> TrainingEvent {
        .epoch(
            .init(
                epoch: number, trainLoss: train, validationLoss: validation, scores: validation == nil ? nil : scores(score),
                learningRate: 0.001 / Double(number), seconds: 90, isBest: isBest))
    }

    /// Losses 1/1.5, 1/2.5 and so on; every second epoch is the best.
    package static func events(epochs: Int, steps: Int = 4) -> [TrainingEvent] {
        var events: [TrainingEvent] = []
        for number in stride(from: 1, through: epochs, by: 1) {
            for step in 1...steps {
                let loss = 1 / (Double(number) + 0.1 * Double(step))
                events.append(.step(epoch: number, step: step, loss: loss, learningRate: 0.001))
            }
            let train = 1 / (Double(number) + 0.5)
            let score = 0.5 + 0.01 * Double(number)
            events.append(epoch(number, train: train, validation: 1.1 / Double(number), score: score, isBest: number % 2 == 0))
        }
        return events
    }
}
