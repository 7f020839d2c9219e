import Foundation
import Runs
import Torch

/// An optimiser made of a rule on lists of tensors, if libtorch has no fused step for every
/// device.
final class ElementwiseOptimizer<Rule: UpdateRule>: StatefulOptimizer {
    var learningRate: Double
    var steps = 0

    private let options: OptimizerConfiguration
    let kept: OptimizerState
    private let rule: Rule

    init(_ parameters: [Tensor], _ options: OptimizerConfiguration) {
        self.options = options
        learningRate = options.learningRate
        kept = OptimizerState(parameters)
        rule = Rule(kept, options)
    }

    func step() {
        steps += 1
        withoutGradients {
            for (count, updated) in kept.advanceByCount() {
                var updated = updated
                updated.gradients = updated.decayed(options.weightDecay, parameters)
                rule.update(updated, parameters: updated.of(parameters), count: count, learningRate: learningRate)
            }
        }
    }
}

/// An optimiser's update of parameters.
protocol UpdateRule {
    init(_ state: OptimizerState, _ options: OptimizerConfiguration)
    /// Updates `parameters` by `updated.gradients`, weight decay included. This is the `count`th
    /// update of each.
    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double)
}

/// arXiv:1212.5701: step sizes follow past steps, divided by the gradients' root mean square.
struct AdadeltaRule: UpdateRule {
    let options: OptimizerConfiguration
    let squares: [Tensor]
    let squaredSteps: [Tensor]

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        squares = state.perParameter("square_avg")
        squaredSteps = state.perParameter("acc_delta")
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        let (g, v, u) = (updated.gradients, updated.of(squares), updated.of(squaredSteps))
        Each.multiply(v, by: options.rho)
        Each.addProduct(v, g, g, times: 1 - options.rho)
        let deviations = Each.adding(v, options.epsilon)
        Each.takeRoots(deviations)
        let steps = Each.adding(u, options.epsilon)
        Each.takeRoots(steps)
        Each.divide(steps, by: deviations)
        Each.multiply(steps, by: g)
        Each.multiply(u, by: options.rho)
        Each.addProduct(u, steps, steps, times: 1 - options.rho)
        Each.add(parameters, steps, times: -learningRate)
    }
}

/// Duchi et al. 2011: divides the rate by the root of the sum of all squares. (Before 2.12
/// libtorch's fused step is for CPUs only.)
struct AdagradRule: UpdateRule {
    let options: OptimizerConfiguration
    let sums: [Tensor]

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        sums = state.perParameter("sum", filledWith: options.initialAccumulator)
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        let (g, s) = (updated.gradients, updated.of(sums))
        Each.addProduct(s, g, g)
        let deviations = Each.roots(s)
        Each.add(deviations, options.epsilon)
        let rate = learningRate / (1 + Double(count - 1) * options.learningRateDecay)
        Each.addQuotient(parameters, g, deviations, times: -rate)
    }
}

/// arXiv:1412.6980, section 7.1: Adam with the greatest decayed gradient instead of the square.
struct AdamaxRule: UpdateRule {
    let options: OptimizerConfiguration
    let averages: [Tensor]
    let norms: [Tensor]

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        averages = state.perParameter("exp_avg")
        norms = state.perParameter("exp_inf")
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        let (g, m, u) = (updated.gradients, updated.of(averages), updated.of(norms))
        Each.move(m, towards: g, by: 1 - options.betas[0])
        Each.multiply(u, by: options.betas[1])
        let magnitudes = Each.magnitudes(g)
        Each.add(magnitudes, options.epsilon)
        Each.raise(u, to: magnitudes)
        Each.addQuotient(parameters, m, u, times: -learningRate / (1 - pow(options.betas[0], Double(count))))
    }
}

/// Hinton's lecture 6e: divides the gradient by the root of its decayed square, or of the variance
/// if centred; optionally with momentum.
struct RMSpropRule: UpdateRule {
    let options: OptimizerConfiguration
    let squares: [Tensor]
    let averages: [Tensor]
    let momenta: [Tensor]

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        squares = state.perParameter("square_avg")
        averages = options.centered ? state.perParameter("grad_avg") : []
        momenta = options.momentum > 0 ? state.perParameter("momentum_buffer") : []
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        let (g, v) = (updated.gradients, updated.of(squares))
        Each.multiply(v, by: options.alpha)
        Each.addProduct(v, g, g, times: 1 - options.alpha)
        let deviations: [Tensor]
        if options.centered {
            let m = updated.of(averages)
            Each.move(m, towards: g, by: 1 - options.alpha)
            deviations = Each.adding(v, 0)
            Each.addProduct(deviations, m, m, times: -1)
            Each.takeRoots(deviations)
        } else {
            deviations = Each.roots(v)
        }
        Each.add(deviations, options.epsilon)
        if options.momentum > 0 {
            let b = updated.of(momenta)
            Each.multiply(b, by: options.momentum)
            Each.addQuotient(b, g, deviations)
            Each.add(parameters, b, times: -learningRate)
        } else {
            Each.addQuotient(parameters, g, deviations, times: -learningRate)
        }
    }
}

/// Polyak and Juditsky 1992: SGD with a falling rate, and an average of the weights ("ax").
struct ASGDRule: UpdateRule {
    let options: OptimizerConfiguration
    let averages: [Tensor]
    /// Each parameter's next rate, set by the learning rate of its previous step.
    let rates: Tensor
    /// The share by which each average moves towards the weights; all the way until step t0.
    let weights: Tensor

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        averages = state.perParameter("ax")
        rates = state.numbers("eta", filledWith: 0)
        weights = state.numbers("mu", filledWith: 1)
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        var (rates, weights) = (rates.floats(), weights.floats())
        for (i, position) in updated.indices.enumerated() {
            let (w, ax) = ([parameters[i]], [averages[position]])
            let rate = Double(count == 1 ? Float(learningRate) : rates[position])
            Each.multiply(w, by: 1 - options.lambda * rate)
            Each.add(w, [updated.gradients[i]], times: -rate)
            if weights[position] == 1 {
                ax[0].assign(w[0])
            } else {
                Each.move(ax, towards: w, by: Double(weights[position]))
            }
            rates[position] = Float(learningRate / pow(1 + options.lambda * learningRate * Double(count), options.alpha))
            weights[position] = Float(1 / max(1, Double(count) - options.t0))
        }
        self.rates.assign(Tensor(rates, shape: [rates.count]))
        self.weights.assign(Tensor(weights, shape: [weights.count]))
    }
}

/// Riedmiller and Braun 1993: only the gradient's sign counts. Each weight has its own step size,
/// which grows while the sign stays.
struct RpropRule: UpdateRule {
    private static let whereNumberElse = Operator("aten::where", "ScalarSelf")
    private static let whereNumbers = Operator("aten::where", "Scalar")
    private static let less = Operator("aten::lt", "Scalar")
    private static let greater = Operator("aten::gt", "Scalar")
    private static let clamp = Operator("aten::clamp_")
    private static let sign = Operator("aten::sign")

    let options: OptimizerConfiguration
    let previous: [Tensor]
    let stepSizes: [Tensor]

    init(_ state: OptimizerState, _ options: OptimizerConfiguration) {
        self.options = options
        previous = state.perParameter("prev")
        stepSizes = state.perParameter("step_size")
    }

    func update(_ updated: OptimizerState.Updated, parameters: [Tensor], count: Int, learningRate: Double) {
        for (i, position) in updated.indices.enumerated() {
            let (size, before) = (stepSizes[position], previous[position])
            if count == 1 { size.fill(learningRate) }
            let agreement = updated.gradients[i] * before
            let turned = Self.less(.tensor(agreement), .double(0))
            let factors = Self.whereNumberElse(
                .tensor(Self.greater(.tensor(agreement), .double(0))), .double(options.etas[1]),
                .tensor(Self.whereNumbers(.tensor(turned), .double(options.etas[0]), .double(1))))
            Each.multiply([size], by: [factors])
            _ = Self.clamp(.tensor(size), .double(options.stepSizes[0]), .double(options.stepSizes[1]))
            // If the sign changed, the previous step went too far: skip this step, and count the
            // next as agreeing.
            let g = Self.whereNumberElse(.tensor(turned), .double(0), .tensor(updated.gradients[i]))
            Each.addProduct([parameters[i]], [Self.sign(.tensor(g))], [size], times: -1)
            before.assign(g)
        }
    }
}
