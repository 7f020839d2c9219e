import Foundation
import TensorFiles
import Torch
import VMUNet

/// Where a network's tensors come from and under which checkpoint keys they are kept: parameters, which optimisers move, and
/// buffers, which travel with them, such as the running statistics of a batch normalisation.
///
/// A network is built with a store: each layer asks for its tensors by key. A store made from weights hands these out, and
/// notes what is missing or of another shape; ``finish()`` then throws one error that lists everything that does not fit.
public final class ParameterStore: ParameterSource {
    /// Every parameter with its key, in the order in which the network asked for them.
    public private(set) var parameters: [(key: String, tensor: Tensor)] = []
    /// Every buffer likewise.
    public private(set) var buffers: [(key: String, tensor: Tensor)] = []
    private var known: Set<String> = []
    private let weights: StateDictionary?
    private let tensors: [String: Tensor]
    private var misfits = WeightsMismatch()

    /// A store that fills new parameters with initial values, from libtorch's generator (``Torch/manualSeed(_:)``).
    public init() { (weights, tensors) = (nil, [:]) }

    /// A store that takes parameters and buffers from a checkpoint.
    public init(weights: StateDictionary) { (self.weights, tensors) = (weights, [:]) }

    /// A store that hands out these very tensors: a network of the same parameters elsewhere, or in another element type.
    public init(tensors: [String: Tensor]) { (weights, self.tensors) = (nil, tensors) }

    /// The root of the keys.
    public var root: ParameterPath<ParameterStore> { ParameterPath(self) }

    @discardableResult
    public func finish() throws(WeightsMismatch) -> [(key: String, tensor: Tensor)] {
        if let weights {
            misfits.unexpected = weights.keys.filter { !known.contains($0) }
            if !misfits.isEmpty { throw misfits }
        }
        return parameters
    }

    public func parameter(_ key: String, _ shape: [Int], _ use: ParameterUse, _ initial: InitialValues) -> Tensor {
        let tensor = found(key, shape: shape) ?? initial.tensor(shape: shape)
        parameters.append((key, tensor))
        return tensor
    }

    /// A tensor that no optimiser moves, but that belongs to the weights.
    public func buffer(_ key: String, _ shape: [Int], _ initial: InitialValues) -> Tensor {
        let tensor = found(key, shape: shape) ?? initial.tensor(shape: shape)
        buffers.append((key, tensor))
        return tensor
    }

    /// Nil where an initial value is wanted. Nothing is allocated for what the weights lack: a damaged or hostile file may
    /// declare a network of any size.
    private func found(_ key: String, shape: [Int]) -> Tensor? {
        let isNew = known.insert(key).inserted
        precondition(isNew, "two tensors of the key \(key)")
        if let tensor = tensors[key] { return tensor }
        guard let weights else { return nil }
        guard let host = weights[key] else {
            misfits.missing.append(key)
            return .undefined
        }
        guard host.shape == shape else {
            misfits.wrongShape.append(.init(key: key, expected: shape, got: host.shape))
            return .undefined
        }
        return Tensor(host).to(.float32)
    }
}

extension ParameterPath where Source == ParameterStore {
    /// A tensor that no optimiser moves, but that belongs to the weights.
    public func buffer(_ name: String, _ shape: [Int], _ initial: InitialValues) -> Tensor {
        source.buffer((self / name).key, shape, initial)
    }
}

extension InitialValues {
    func tensor(shape: [Int]) -> Tensor {
        let tensor = Tensor(emptyOfShape: shape)
        switch self {
        case .constant(let value):
            tensor.fill(value)
        case .uniform(let bound):
            tensor.fillUniform(from: -bound, to: bound)
        case .truncatedNormal(let deviation, let limit):
            tensor.fillNormal(mean: 0, standardDeviation: deviation)
            // Beyond a hundred deviations nothing is ever drawn; nearer, redraw what fell outside.
            if limit < 100 * deviation { tensor.redrawOutside(limit: limit, standardDeviation: deviation) }
        case .logarithms:
            let row = (1...(shape.last ?? 1)).map { log(Float($0)) }
            let rows = shape.dropLast().reduce(1, *)
            tensor.assign(Tensor(Array(repeating: row, count: rows).flatMap { $0 }, shape: shape))
        case .inverseSoftplusOfLogUniform(let low, let high, let floor):
            tensor.fillLogUniform(low: low, high: high)
            tensor.assign(tensor.clamped(min: floor).inverseSoftplus())
        }
        return tensor
    }
}
