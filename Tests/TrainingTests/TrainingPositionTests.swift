import Foundation
import Testing

@testable import Runs

/// Every number of a checkpoint's position is checked before a run continues from it.
@Suite struct TrainingPositionTests {
    private func position(_ change: (inout TrainingPosition) -> Void) -> TrainingPosition {
        var position = TrainingPosition()
        (position.epoch, position.step, position.totalSteps, position.images, position.lossSum) = (5, 2, 22, 16, 9.5)
        position.validationLosses = [1, 0.9, 0.8, 0.85, 0.81]
        (position.bestLoss, position.bestEpoch) = (0.8, 3)
        change(&position)
        return position
    }

    private func problem(_ change: (inout TrainingPosition) -> Void) -> String? {
        position(change).problem(stepsPerEpoch: 4, samples: 30)
    }

    @Test func whatARunComesToIsTaken() {
        #expect(problem { _ in } == nil)
        #expect(TrainingPosition().problem(stepsPerEpoch: 4, samples: 30) == nil)
        #expect(problem { ($0.step, $0.images, $0.lossSum) = (0, 0, 0) } == nil)
        #expect(problem { ($0.validationLosses, $0.bestLoss, $0.bestEpoch) = ([], nil, nil) } == nil)
    }

    @Test(arguments: [-1, .min, .max, 1_000_001]) func epochs(value: Int) {
        #expect(problem { $0.epoch = value }?.contains("\(value)") == true)
    }
    @Test(arguments: [-5, .min, .max, 5]) func steps(value: Int) { #expect(problem { $0.step = value }?.contains("\(value)") == true) }
    @Test(arguments: [-1, .min, .max, 0, 4]) func totals(value: Int) {
        #expect(problem { $0.totalSteps = value }?.contains("\(value)") == true)
    }
    @Test(arguments: [-1, .min, .max, 31, 0]) func images(value: Int) {
        #expect(problem { $0.images = value }?.contains("\(value)") == true)
    }

    @Test func losses() {
        #expect(problem { $0.lossSum = .infinity } != nil)
        #expect(problem { $0.lossSum = .nan } != nil)
        #expect(problem { $0.validationLosses[1] = .nan } != nil)
        #expect(problem { $0.validationLosses += [1] } != nil)
        #expect(problem { $0.bestLoss = .infinity } != nil)
        for epoch in [0, -1, .max, 6] { #expect(problem { $0.bestEpoch = epoch } != nil) }
    }
}
