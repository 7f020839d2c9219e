import Files
import Networks
import Runs
import Torch

/// The parameters that a run trains, grouped by their learning rate.
struct TrainedParameters {
    /// Parameters with one factor of the learning rate.
    struct Group {
        let factor: Double
        var parameters: [Tensor]
    }

    /// In the order in which the network has their first parameters. Frozen ones are in none.
    let groups: [Group]

    /// All, in the groups' order.
    var all: [Tensor] { groups.flatMap(\.parameters) }

    /// Makes parameters of the stages that are not frozen record gradients.
    ///
    /// Throws ``/Runs/RunConfigurationError`` for a stage that the network lacks, and if nothing is
    /// left to train.
    init(_ network: any SegmentationNetwork, _ configuration: RunConfiguration) throws {
        let parameters = network.parameters
        try Self.check(parameters.map(\.key), configuration)
        // If several names fit, the longest counts: encoder.0 within encoder.
        let rates = configuration.stageRates.sorted { ($0.key.count, $1.key) > ($1.key.count, $0.key) }
        var groups: [Group] = []
        for (key, tensor) in parameters {
            if configuration.freeze.contains(where: { NetworkStages.contains(key, in: $0) }) { continue }
            let factor = rates.first { NetworkStages.contains(key, in: $0.key) }?.value ?? 1
            let trained = tensor.requiringGrad()
            if let place = groups.firstIndex(where: { $0.factor == factor }) {
                groups[place].parameters.append(trained)
            } else {
                groups.append(Group(factor: factor, parameters: [trained]))
            }
        }
        self.groups = groups
    }

    /// Throws ``/Runs/RunConfigurationError`` for names that fit none of the keys, and if all are
    /// frozen.
    static func check(_ keys: [String], _ configuration: RunConfiguration) throws(RunConfigurationError) {
        func isKnown(_ name: String) -> Bool { keys.contains { NetworkStages.contains($0, in: name) } }
        let expected = "stages of this network (\(NetworkStages.names(of: keys).joined(separator: ", ")))"
        var problems: [InvalidSetting] = []
        for name in configuration.freeze where !isKnown(name) {
            problems.append(InvalidSetting("freeze", expected: expected, got: name))
        }
        for name in configuration.stageRates.keys.sorted() where !isKnown(name) {
            problems.append(InvalidSetting("stage_rates.\(name)", expected: expected, got: name))
        }
        let isFrozen = keys.allSatisfy { key in configuration.freeze.contains { NetworkStages.contains(key, in: $0) } }
        if problems.isEmpty, isFrozen { problems.append(InvalidSetting("freeze", expected: "something left to train", got: "every stage")) }
        if !problems.isEmpty { throw RunConfigurationError(problems: problems) }
    }

    /// The optimiser of all groups.
    func optimizer(_ configuration: OptimizerConfiguration) -> any Optimizer {
        guard groups.count > 1 || groups.first?.factor != 1 else { return configuration.make(all) }
        return GroupedOptimizer(groups, configuration)
    }
}

/// Several optimisers of one kind as one, each with its own factor of the learning rate: PyTorch's
/// parameter groups.
final class GroupedOptimizer: Optimizer {
    private let members: [(optimizer: any Optimizer, factor: Double)]

    init(_ groups: [TrainedParameters.Group], _ configuration: OptimizerConfiguration) {
        learningRate = configuration.learningRate
        members = groups.map { group in
            var own = configuration
            own.learningRate *= group.factor
            return (own.make(group.parameters), group.factor)
        }
    }

    var parameters: [Tensor] { members.flatMap(\.optimizer.parameters) }

    /// The rate of a factor of 1.
    var learningRate: Double {
        didSet { for member in members { member.optimizer.learningRate = learningRate * member.factor } }
    }

    func step() { for member in members { member.optimizer.step() } }

    /// "1.exp_avg.3" belongs to parameter 3 of group 1.
    var state: [(name: String, tensor: Tensor)] {
        members.enumerated().flatMap { index, member in member.optimizer.state.map { ("\(index).\($0.name)", $0.tensor) } }
    }

    var steps: Int {
        get { members.first?.optimizer.steps ?? 0 }
        set { for member in members { member.optimizer.steps = newValue } }
    }
}
