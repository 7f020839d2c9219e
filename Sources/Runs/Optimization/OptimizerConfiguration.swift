import Files

/// An optimiser's name and options, for configurations; `make(_:)` of the module Training creates
/// the optimiser.
///
/// Options that the named optimiser does not have keep neutral values and are ignored.
public struct OptimizerConfiguration: Sendable, Hashable, Codable {
    /// The nine optimisers, by their names in configuration files.
    public enum Name: String, Sendable, Codable, CaseIterable {
        case adadelta, adagrad, adam, adamw, adamax, asgd, rmsprop, rprop, sgd
    }

    /// An option that some optimisers have, named as in configuration files.
    public enum Option: String, Sendable, CaseIterable {
        case learningRate = "learning_rate"
        case weightDecay = "weight_decay"
        case betas, epsilon, amsgrad, momentum, dampening, nesterov, rho, alpha, centered
        case learningRateDecay = "learning_rate_decay"
        case lambda, t0
        case initialAccumulator = "initial_accumulator"
        case etas
        case stepSizes = "step_sizes"
    }

    /// The optimiser that the options are for.
    public let name: Name
    /// The learning rate.
    public var learningRate: Double
    /// Decoupled from the gradient in AdamW, added to it in the others.
    public var weightDecay = 0.0
    /// Decay of the averages of the gradient and of its square.
    public var betas = [0.9, 0.999]
    /// Added to denominators (Adam and its kin, Adadelta, Adagrad, RMSprop).
    public var epsilon = 1e-8
    /// True if Adam and AdamW keep the greatest second moment.
    public var amsgrad = false
    /// Momentum of SGD and RMSprop.
    public var momentum = 0.0
    /// Dampening of SGD's momentum.
    public var dampening = 0.0
    /// True if SGD's momentum is Nesterov's.
    public var nesterov = false
    /// Adadelta's decay of both averages.
    public var rho = 0.9
    /// RMSprop's decay of the squares; ASGD's exponent of the rate.
    public var alpha = 0.99
    /// True if RMSprop divides by the variance rather than the mean square.
    public var centered = false
    /// Adagrad's decay of the rate.
    public var learningRateDecay = 0.0
    /// The initial value of Adagrad's sums of squares.
    public var initialAccumulator = 0.0
    /// ASGD's decay term.
    public var lambda = 1e-4
    /// The step at which ASGD starts to average.
    public var t0 = 1e6
    /// Rprop's step-size factors: when the gradient changes sign, and when it keeps it.
    public var etas = [0.5, 1.2]
    /// Rprop's smallest and largest step size.
    public var stepSizes = [1e-6, 50]

    /// The paper's: AdamW, 1e-3, betas 0.9 and 0.999, epsilon 1e-8, decay 1e-2.
    public static let published = OptimizerConfiguration(.adamw)

    /// PyTorch's defaults for this optimiser.
    public init(_ name: Name, learningRate: Double? = nil) {
        self.name = name
        self.learningRate = learningRate ?? Self.defaultLearningRate(name)
        switch name {
        case .adamw: weightDecay = 1e-2
        case .adagrad: epsilon = 1e-10
        case .adadelta: epsilon = 1e-6
        case .asgd: alpha = 0.75
        default: break
        }
    }

    private static func defaultLearningRate(_ name: Name) -> Double {
        switch name {
        case .adadelta: 1
        case .adamax: 2e-3
        case .adagrad, .asgd, .rmsprop, .rprop: 1e-2
        case .adam, .adamw, .sgd: 1e-3
        }
    }

    /// The options that the named optimiser has.
    public var options: [Option] {
        switch name {
        case .adadelta: [.learningRate, .rho, .epsilon, .weightDecay]
        case .adagrad: [.learningRate, .learningRateDecay, .weightDecay, .initialAccumulator, .epsilon]
        case .adam, .adamw: [.learningRate, .betas, .epsilon, .weightDecay, .amsgrad]
        case .adamax: [.learningRate, .betas, .epsilon, .weightDecay]
        case .asgd: [.learningRate, .lambda, .alpha, .t0, .weightDecay]
        case .rmsprop: [.learningRate, .alpha, .epsilon, .weightDecay, .momentum, .centered]
        case .rprop: [.learningRate, .etas, .stepSizes]
        case .sgd: [.learningRate, .momentum, .dampening, .weightDecay, .nesterov]
        }
    }

    /// The options whose values make no sense.
    public var problems: [InvalidSetting] {
        var problems: [InvalidSetting] = []
        func require(_ option: Option, _ holds: Bool, _ expected: String, _ got: Any) {
            if options.contains(option) { problems.require(holds, option.rawValue, expected, got) }
        }
        func notNegative(_ option: Option, _ value: Double) {
            require(option, value >= 0 && value.isFinite, "a number of 0 or more", value)
        }
        notNegative(.learningRate, learningRate)
        notNegative(.weightDecay, weightDecay)
        require(.betas, betas.count == 2 && betas.allSatisfy { $0 >= 0 && $0 < 1 }, "two numbers, each at least 0 and below 1", betas)
        notNegative(.epsilon, epsilon)
        notNegative(.momentum, momentum)
        require(.dampening, dampening.isFinite, "a number", dampening)
        require(.nesterov, !nesterov || (momentum > 0 && dampening == 0), "false unless momentum is above 0 and dampening is 0", nesterov)
        require(.rho, rho >= 0 && rho <= 1, "0 to 1", rho)
        notNegative(.alpha, alpha)
        notNegative(.learningRateDecay, learningRateDecay)
        notNegative(.initialAccumulator, initialAccumulator)
        notNegative(.lambda, lambda)
        notNegative(.t0, t0)
        require(
            .etas, etas.count == 2 && etas[0] > 0 && etas[0] < 1 && etas[1] > 1 && etas[1].isFinite, "one above 0 and below 1, one above 1",
            etas)
        let ordered = stepSizes.count == 2 && stepSizes[0] >= 0 && stepSizes[0] <= stepSizes[1] && stepSizes[1].isFinite
        require(.stepSizes, ordered, "the least and the greatest, 0 or more", stepSizes)
        return problems
    }
}
