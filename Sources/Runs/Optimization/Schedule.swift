import Files
import Foundation

/// The learning rate as a pure function of the epoch, without state to step or save. Each case
/// matches PyTorch's scheduler of that name.
public enum Schedule: Sendable, Hashable, Codable {
    /// The base rate in every epoch.
    case constant
    /// Multiplies by `gamma` every `stepSize` epochs (StepLR).
    case step(stepSize: Int, gamma: Double = 0.1)
    /// Multiplies by `gamma` at each milestone (MultiStepLR).
    case multiStep(milestones: [Int], gamma: Double = 0.1)
    /// Multiplies by `gamma` every epoch (ExponentialLR).
    case exponential(gamma: Double)
    /// Half a cosine from the base rate to `etaMin` in `tMax` epochs, and back up in as many
    /// (CosineAnnealingLR).
    case cosineAnnealing(tMax: Int = 50, etaMin: Double = 1e-5)
    /// Multiplies by a factor when the validation loss has not fallen for some epochs
    /// (ReduceLROnPlateau).
    case reduceOnPlateau(Plateau = Plateau())
    /// Half a cosine down in `t0` epochs, then restarts from the base rate, each time over `tMult`
    /// times as many epochs (CosineAnnealingWarmRestarts).
    case cosineAnnealingWarmRestarts(t0: Int, tMult: Int = 1, etaMin: Double = 0)
    /// Linear from 0 to the base rate in `warmUp` epochs, then multiplied by `gamma` at each
    /// milestone.
    case warmUpMultiStep(warmUp: Int, milestones: [Int], gamma: Double = 0.1)
    /// Linear from 0 to the base rate in `warmUp` epochs, then half a cosine to 0 at epoch
    /// `epochs`.
    case warmUpCosine(warmUp: Int, epochs: Int)

    /// When and how far ``Schedule/reduceOnPlateau(_:)`` lowers the rate. Defaults are PyTorch's.
    public struct Plateau: Sendable, Hashable, Codable {
        /// The meaning of ``threshold``: relative to the least loss, or an absolute difference.
        public enum ThresholdMode: String, Sendable, Codable, CaseIterable {
            case relative, absolute
        }

        /// The factor by which the rate falls.
        public var factor = 0.1
        /// The number of losses in a row without improvement after which the rate falls.
        public var patience = 10
        /// The margin by which a loss must be below the least to count as better.
        public var threshold = 1e-4
        /// True if ``threshold`` is relative to the best loss.
        public var thresholdMode = ThresholdMode.relative
        /// Losses after a fall that do not count.
        public var cooldown = 0
        /// The least rate.
        public var minimum = 0.0
        /// Smaller falls are skipped.
        public var epsilon = 1e-8

        /// Defaults are PyTorch's.
        public init(factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4, cooldown: Int = 0, minimum: Double = 0) {
            self.factor = factor
            self.patience = patience
            self.threshold = threshold
            self.cooldown = cooldown
            self.minimum = minimum
        }
    }

    /// An epoch's learning rate.
    /// - Parameters:
    ///   - base: the optimiser's own learning rate.
    ///   - epoch: counted from 0.
    ///   - losses: the validation losses so far, oldest first; those from `epoch` on are ignored.
    ///     Only ``reduceOnPlateau(_:)`` uses them.
    public func learningRate(base: Double, epoch: Int, losses: [Double] = []) -> Double {
        let epoch = max(0, epoch)
        switch self {
        case .constant:
            return base
        case .step(let stepSize, let gamma):
            return base * pow(gamma, Double(epoch / max(1, stepSize)))
        case .multiStep(let milestones, let gamma):
            return base * Self.decay(epoch, milestones, gamma)
        case .exponential(let gamma):
            return base * pow(gamma, Double(epoch))
        case .cosineAnnealing(let tMax, let etaMin):
            // PyTorch's recursion in closed form. The remainder keeps the angle exact over any
            // number of epochs.
            let turn = Double(epoch % (2 * max(1, tMax))) / Double(max(1, tMax))
            return etaMin + (base - etaMin) * Self.halfCosine(turn)
        case .reduceOnPlateau(let plateau):
            return plateau.learningRate(base: base, losses: losses.prefix(epoch))
        case .cosineAnnealingWarmRestarts(let t0, let tMult, let etaMin):
            var (position, period) = (Double(epoch), Double(max(1, t0)))
            if tMult <= 1 { position = Double(epoch % max(1, t0)) }
            while position >= period {
                position -= period
                period *= Double(tMult)
            }
            return etaMin + (base - etaMin) * Self.halfCosine(position / period)
        case .warmUpMultiStep(let warmUp, let milestones, let gamma):
            return base * (epoch <= warmUp ? Self.ramp(epoch, warmUp) : Self.decay(epoch, milestones, gamma))
        case .warmUpCosine(let warmUp, let epochs):
            return base
                * (epoch <= warmUp ? Self.ramp(epoch, warmUp) : Self.halfCosine(Double(epoch - warmUp) / Double(max(1, epochs - warmUp))))
        }
    }

    private static func decay(_ epoch: Int, _ milestones: [Int], _ gamma: Double) -> Double {
        pow(gamma, Double(milestones.count { $0 <= epoch }))
    }

    /// From 0 at the start to 1 after `warmUp` epochs; always 1 without warm-up.
    private static func ramp(_ epoch: Int, _ warmUp: Int) -> Double { warmUp > 0 ? Double(epoch) / Double(warmUp) : 1 }

    /// 1 at 0, 0 at 1, 1 at 2.
    private static func halfCosine(_ turn: Double) -> Double { (1 + cos(.pi * turn)) / 2 }
}

extension Schedule.Plateau {
    /// The rate after these losses, by replaying PyTorch's state machine.
    func learningRate(base: Double, losses: ArraySlice<Double>) -> Double {
        var (rate, best, bad, cooling) = (base, Double.infinity, 0, 0)
        for loss in losses {
            if loss < (thresholdMode == .relative ? best * (1 - threshold) : best - threshold) {
                (best, bad) = (loss, 0)
            } else {
                bad += 1
            }
            if cooling > 0 { (cooling, bad) = (cooling - 1, 0) }
            if bad > patience {
                let lower = max(rate * factor, minimum)
                if rate - lower > epsilon { rate = lower }
                (cooling, bad) = (cooldown, 0)
            }
        }
        return rate
    }
}

extension Schedule {
    /// The name in configuration files.
    public var name: String {
        switch self {
        case .constant: "constant"
        case .step: "step"
        case .multiStep: "multi_step"
        case .exponential: "exponential"
        case .cosineAnnealing: "cosine_annealing"
        case .reduceOnPlateau: "reduce_on_plateau"
        case .cosineAnnealingWarmRestarts: "cosine_annealing_warm_restarts"
        case .warmUpMultiStep: "warm_up_multi_step"
        case .warmUpCosine: "warm_up_cosine"
        }
    }

    /// One schedule of each kind, with its defaults; where PyTorch has none, the published
    /// configurations'.
    public static let all: [Schedule] = [
        .constant, .step(stepSize: 60, gamma: 0.5), .multiStep(milestones: [60, 120, 150]), .exponential(gamma: 0.99), .cosineAnnealing(),
        .reduceOnPlateau(), .cosineAnnealingWarmRestarts(t0: 50, tMult: 2, etaMin: 1e-6),
        .warmUpMultiStep(warmUp: 10, milestones: [60, 120, 150]), .warmUpCosine(warmUp: 20, epochs: 300),
    ]

    /// The schedule of that name, with its defaults.
    public init?(name: String) {
        guard let schedule = Self.all.first(where: { $0.name == name }) else { return nil }
        self = schedule
    }

    /// The options whose values make no sense.
    public var problems: [InvalidSetting] {
        var problems: [InvalidSetting] = []
        func atLeast(_ least: Int, _ value: Int, _ option: String) {
            problems.require((least...1_000_000_000).contains(value), option, "\(least) to 1000000000", value)
        }
        func rate(_ value: Double, _ option: String) {
            problems.require(value >= 0 && value.isFinite, option, "a number of 0 or more", value)
        }
        func factor(_ value: Double, _ option: String) {
            problems.require(value > 0 && value.isFinite, option, "a number above 0", value)
        }
        func ascending(_ milestones: [Int]) {
            let fits = zip(milestones, milestones.dropFirst()).allSatisfy { $0 <= $1 } && milestones.allSatisfy { $0 >= 0 }
            problems.require(fits, "milestones", "ascending epochs, counted from 0", milestones)
        }
        switch self {
        case .constant:
            break
        case .step(let stepSize, let gamma):
            atLeast(1, stepSize, "step_size")
            factor(gamma, "gamma")
        case .multiStep(let milestones, let gamma):
            ascending(milestones)
            factor(gamma, "gamma")
        case .exponential(let gamma):
            factor(gamma, "gamma")
        case .cosineAnnealing(let tMax, let etaMin):
            atLeast(1, tMax, "t_max")
            rate(etaMin, "eta_min")
        case .reduceOnPlateau(let plateau):
            problems.require(plateau.factor > 0 && plateau.factor < 1, "factor", "above 0 and below 1", plateau.factor)
            atLeast(0, plateau.patience, "patience")
            rate(plateau.threshold, "threshold")
            atLeast(0, plateau.cooldown, "cooldown")
            rate(plateau.minimum, "minimum")
            rate(plateau.epsilon, "epsilon")
        case .cosineAnnealingWarmRestarts(let t0, let tMult, let etaMin):
            atLeast(1, t0, "t_0")
            atLeast(1, tMult, "t_mult")
            rate(etaMin, "eta_min")
        case .warmUpMultiStep(let warmUp, let milestones, let gamma):
            atLeast(0, warmUp, "warm_up")
            ascending(milestones)
            factor(gamma, "gamma")
        case .warmUpCosine(let warmUp, let epochs):
            atLeast(0, warmUp, "warm_up")
            problems.require(epochs > warmUp && epochs <= 1_000_000_000, "epochs", "more than warm_up (\(warmUp))", epochs)
        }
        return problems
    }
}
