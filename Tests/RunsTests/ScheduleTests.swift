import Foundation
import Segmentation
import TestSupport
import Testing

@testable import Runs

/// Compared with the sequences of PyTorch's schedulers, base rate 1e-3, 120 epochs.
struct ScheduleTests {
    private static func plateauLoss(_ epoch: Int) -> Double { epoch < 20 ? 1 : 0.5 + 0.0001 * sin(Double(epoch)) }

    @Test(arguments: [
        ("StepLR(step_size=24,gamma=0.5)", Schedule.step(stepSize: 24, gamma: 0.5)),
        ("MultiStepLR(milestones=[60,90],gamma=0.1)", .multiStep(milestones: [60, 90])),
        ("ExponentialLR(gamma=0.99)", .exponential(gamma: 0.99)),
        ("CosineAnnealingLR(T_max=50,eta_min=1e-5)", .cosineAnnealing(tMax: 50, etaMin: 1e-5)),
        ("CosineAnnealingWarmRestarts(T_0=50,T_mult=2,eta_min=1e-6)", .cosineAnnealingWarmRestarts(t0: 50, tMult: 2, etaMin: 1e-6)),
        (
            "ReduceLROnPlateau(factor=0.1,patience=10,threshold=1e-4;metric=1 for e<20 else 0.5+0.0001*sin(e))", .reduceOnPlateau(.init())
        ),
        ("WP_MultiStepLR(warm_up=10,milestones=[60,90],gamma=0.1)", .warmUpMultiStep(warmUp: 10, milestones: [60, 90])),
        ("WP_CosineLR(warm_up=20,epochs=120)", .warmUpCosine(warmUp: 20, epochs: 120)),
    ])
    func sequence(name: String, schedule: Schedule) throws {
        let sequences = try JSONDecoder().decode([String: [Double]].self, from: TorchFixture.data("schedules.json"))
        let expected = try #require(sequences[name])
        #expect(expected.count == 120)
        // Later epochs' losses are passed as well and must be ignored.
        let losses = expected.indices.map(Self.plateauLoss)
        for (epoch, rate) in expected.enumerated() {
            let got = schedule.learningRate(base: 1e-3, epoch: epoch, losses: losses)
            #expect(abs(got - rate) <= 1e-9 * rate, "\(name), epoch \(epoch): expected \(rate), got \(got)")
            #expect(got == schedule.learningRate(base: 1e-3, epoch: epoch, losses: Array(losses.prefix(epoch))))
        }
    }

    @Test func plateauWithEveryOption() throws {
        let fixture = try TorchFixture.optimizers()
        let plateaus = try #require(fixture["plateaus"] as? [String: Any])
        let losses = try #require(plateaus["losses"] as? [String]).map { Double($0) ?? .nan }
        let cases = try #require(plateaus["cases"] as? [[String: Any]])
        #expect(cases.count == 3 && losses.count == 80)
        for row in cases {
            let options = try #require(row["options"] as? [String: Any])
            var plateau = Schedule.Plateau()
            plateau.factor = try #require(options["factor"] as? Double)
            plateau.patience = try #require(options["patience"] as? Int)
            if let threshold = options["threshold"] as? Double { plateau.threshold = threshold }
            if options["threshold_mode"] as? String == "abs" { plateau.thresholdMode = .absolute }
            if let cooldown = options["cooldown"] as? Int { plateau.cooldown = cooldown }
            if let minimum = options["min_lr"] as? Double { plateau.minimum = minimum }
            if let epsilon = options["eps"] as? Double { plateau.epsilon = epsilon }
            let rates = try #require(row["rates"] as? [Double])
            #expect(Set(rates).count > 2, "a sequence that never falls shows nothing")
            for (epoch, rate) in rates.enumerated() {
                let got = Schedule.reduceOnPlateau(plateau).learningRate(base: 1e-2, epoch: epoch, losses: losses)
                #expect(abs(got - rate) <= 1e-12 * rate, "\(options), epoch \(epoch)")
            }
        }
    }

    @Test func cosineIsPeriodicForever() {
        let schedule = Schedule.cosineAnnealing()
        #expect(schedule.learningRate(base: 1e-3, epoch: 50) == 1e-5)
        for epoch in [0, 1, 37, 50, 99] {
            let first = schedule.learningRate(base: 1e-3, epoch: epoch)
            #expect(schedule.learningRate(base: 1e-3, epoch: epoch + 100 * 1_000_000) == first)
            #expect(abs(schedule.learningRate(base: 1e-3, epoch: 100 - epoch) - first) < 1e-15)
        }
    }

    @Test func warmRestartsWithEqualPeriodsAndHugeEpochs() {
        let equal = Schedule.cosineAnnealingWarmRestarts(t0: 7)
        #expect(equal.learningRate(base: 1, epoch: 7_000_000_003) == equal.learningRate(base: 1, epoch: 3))
        let growing = Schedule.cosineAnnealingWarmRestarts(t0: 1, tMult: 1_000_000)
        #expect(growing.learningRate(base: 1, epoch: .max) <= 1)
        #expect(growing.learningRate(base: 1, epoch: 1) == 1)
    }

    @Test func edges() {
        #expect(Schedule.constant.learningRate(base: 0.3, epoch: 1000) == 0.3)
        #expect(Schedule.step(stepSize: 2).learningRate(base: 1, epoch: -5) == 1)
        #expect(Schedule.multiStep(milestones: []).learningRate(base: 1, epoch: 50) == 1)
        #expect(Schedule.multiStep(milestones: [3, 3], gamma: 0.5).learningRate(base: 1, epoch: 3) == 0.25)
        #expect(Schedule.warmUpCosine(warmUp: 0, epochs: 10).learningRate(base: 1, epoch: 0) == 1)
        #expect(Schedule.reduceOnPlateau().learningRate(base: 1, epoch: 300, losses: []) == 1)
        // A NaN loss is no better than any.
        let rate = Schedule.reduceOnPlateau(.init(patience: 2)).learningRate(base: 1, epoch: 4, losses: [1, .nan, .nan, .nan])
        #expect(abs(rate - 0.1) < 1e-15)
    }

    @Test(arguments: [
        (Schedule.step(stepSize: 0), "step_size"), (.step(stepSize: 3, gamma: .nan), "gamma"),
        (.multiStep(milestones: [9, 3]), "milestones"),
        (.multiStep(milestones: [-1]), "milestones"), (.exponential(gamma: 0), "gamma"), (.cosineAnnealing(tMax: 0), "t_max"),
        (.cosineAnnealing(etaMin: -1), "eta_min"), (.cosineAnnealingWarmRestarts(t0: 5, tMult: 0), "t_mult"),
        (.reduceOnPlateau(.init(factor: 1)), "factor"), (.reduceOnPlateau(.init(patience: -1)), "patience"),
        (.warmUpMultiStep(warmUp: -1, milestones: []), "warm_up"), (.warmUpCosine(warmUp: 20, epochs: 20), "epochs"),
    ])
    func senselessOptionsAreNamed(schedule: Schedule, option: String) {
        #expect(schedule.problems.map(\.key) == [option])
        // Even these values neither trap nor hang.
        for epoch in [0, 1, 5, 100] { _ = schedule.learningRate(base: 1, epoch: epoch, losses: [1, 2, 3]) }
    }

    @Test func everyKindHasANameADefaultAndJSON() throws {
        #expect(Schedule.all.count == 9)
        for schedule in Schedule.all {
            #expect(schedule.problems.isEmpty)
            #expect(Schedule(name: schedule.name) == schedule)
            #expect(try JSONDecoder().decode(Schedule.self, from: JSONEncoder().encode(schedule)) == schedule)
        }
        #expect(Schedule(name: "cosine") == nil)
    }
}
