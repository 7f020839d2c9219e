import Torch

/// An optimiser whose parameters and state an ``OptimizerState`` keeps.
protocol StatefulOptimizer: Optimizer {
    var kept: OptimizerState { get }
}

extension StatefulOptimizer {
    var parameters: [Tensor] { kept.parameters }
    var state: [(name: String, tensor: Tensor)] { kept.named }
}

/// The state common to all optimisers: the parameters, tensors for each of them under PyTorch's
/// names, and each parameter's update count.
///
/// Counts are kept per parameter, as in PyTorch, because a parameter's bias correction starts with
/// its own first gradient.
final class OptimizerState {
    let parameters: [Tensor]
    private var tensors: [(name: String, tensors: [Tensor])] = []
    private var scalars: [(name: String, tensor: Tensor)] = []
    /// [parameters], float32.
    private let counts: Tensor
    /// Views of `counts`, one per parameter, without axes; fused steps take them.
    let counters: [Tensor]

    /// - Parameter fused: true to keep the counts on the parameters' device, for fused steps;
    ///   otherwise they are on the host.
    init(_ parameters: [Tensor], fused: Bool = false) {
        self.parameters = parameters
        let counts = Tensor([Float](repeating: 0, count: parameters.count), shape: [parameters.count])
        self.counts = fused ? parameters.first.map { counts.to($0.device) } ?? counts : counts
        counters = parameters.indices.map { [counts = self.counts] in Aten.select(.tensor(counts), .int(0), .int($0)) }
    }

    /// One tensor shaped like each parameter.
    func perParameter(_ name: String, filledWith value: Double = 0) -> [Tensor] {
        let made = withoutGradients {
            parameters.map { parameter in
                let tensor = parameter.zerosLike()
                if value != 0 { tensor.fill(value) }
                return tensor
            }
        }
        tensors.append((name, made))
        return made
    }

    /// A number for each parameter, float32, on the host.
    func numbers(_ name: String, filledWith value: Float) -> Tensor {
        let made = Tensor([Float](repeating: value, count: parameters.count), shape: [parameters.count])
        scalars.append((name, made))
        return made
    }

    /// Everything to save, in a fixed order.
    var named: [(name: String, tensor: Tensor)] {
        [("step", counts)] + scalars + tensors.flatMap { name, tensors in tensors.enumerated().map { ("\(name).\($0)", $1) } }
    }

    /// Counts an update of every parameter that has a gradient, and returns these parameters.
    func advance() -> Updated {
        let present = parameters.indices.compactMap { i in parameters[i].gradient.map { (i, $0) } }
        if present.count == parameters.count {
            _ = Aten.addScalar(.tensor(counts), .double(1))
        } else if !present.isEmpty {
            Each.add(present.map { counters[$0.0] }, 1)
        }
        return Updated(indices: present.map(\.0), gradients: present.map(\.1))
    }

    /// Like ``advance()``, grouped by update count, this update included. Usually there is one
    /// group.
    func advanceByCount() -> [(count: Int, Updated)] {
        let updated = advance()
        let counts = counts.floats()
        let groups = Dictionary(grouping: updated.indices.indices) { Int(counts[updated.indices[$0]]) }
        return groups.sorted { $0.key < $1.key }.map { count, members in
            (count, Updated(indices: members.map { updated.indices[$0] }, gradients: members.map { updated.gradients[$0] }))
        }
    }

    /// Parameters to update together.
    struct Updated {
        let indices: [Int]
        var gradients: [Tensor]

        /// The entries of `all` that belong to these parameters.
        func of(_ all: [Tensor]) -> [Tensor] { indices.map { all[$0] } }

        /// The gradients plus `factor` times the parameters: L2 regularisation. The parameters' own
        /// gradients stay unchanged.
        func decayed(_ factor: Double, _ parameters: [Tensor]) -> [Tensor] {
            factor == 0 ? gradients : Each.adding(gradients, of(parameters), times: factor)
        }
    }
}

private enum Aten {
    static let select = Operator("aten::select", "int")
    static let addScalar = Operator("aten::add_", "Scalar")
}
