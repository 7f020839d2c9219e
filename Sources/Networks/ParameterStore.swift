import Foundation
import TensorFiles
import Torch
import VMUNet

/// A network's tensors under their checkpoint keys: parameters, which optimisers update, and
/// buffers, which are stored with them, such as a batch normalisation's running statistics.
///
/// Each layer requests its tensors by key. A store made from weights returns those and notes what
/// is missing or has another shape; ``finish()`` then throws one error that lists everything that
/// does not fit.
package final class ParameterStore: ParameterSource {
    /// Every parameter with its key, in the order of the network's requests.
    package private(set) var parameters: [(key: String, tensor: Tensor)] = []
    /// Every buffer with its key, in the order of the network's requests.
    package private(set) var buffers: [(key: String, tensor: Tensor)] = []
    private var known: Set<String> = []
    private let weights: StateDictionary?
    private let tensors: [String: Tensor]
    private let isOutline: Bool
    /// The number of values of all parameters.
    private(set) var parameterCount = 0
    private var misfits = WeightsMismatch()

    /// A store that fills new parameters with initial values from libtorch's generator
    /// (`Torch.manualSeed`).
    package init() { (weights, tensors, isOutline) = (nil, [:], false) }

    /// A store that serves parameters and buffers from a checkpoint.
    package init(weights: StateDictionary) { (self.weights, tensors, isOutline) = (weights, [:], false) }

    /// A store that returns these tensors themselves, for the same network on another device or in
    /// another element type.
    package init(tensors: [String: Tensor]) { (weights, self.tensors, isOutline) = (nil, tensors, false) }

    private init(outline: Void) { (weights, tensors, isOutline) = (nil, [:], true) }

    /// A store whose tensors have no values, for questions about a network that is not built yet.
    static func outline() -> ParameterStore { ParameterStore(outline: ()) }

    /// The root of the keys.
    package var root: ParameterPath<ParameterStore> { ParameterPath(self) }

    /// The parameters, once all have been requested.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` listing every key that is missing, unexpected or of
    ///   another shape.
    @discardableResult
    package func finish() throws(WeightsMismatch) -> [(key: String, tensor: Tensor)] {
        if let weights {
            misfits.unexpected = weights.keys.filter { !known.contains($0) }
            if !misfits.isEmpty { throw misfits }
        }
        return parameters
    }

    package func parameter(_ key: String, _ shape: [Int], _ use: ParameterUse, _ initial: InitialValues) -> Tensor {
        let tensor = found(key, shape: shape) ?? initial.tensor(shape: shape)
        parameters.append((key, tensor))
        parameterCount += shape.reduce(1, *)
        return tensor
    }

    /// A tensor that belongs to the weights but that no optimiser updates; int64 for counters.
    func buffer(_ key: String, _ shape: [Int], _ initial: Double, _ type: ElementType = .float32) -> Tensor {
        if let tensor = found(key, shape: shape, type) {
            buffers.append((key, tensor))
            return tensor
        }
        let tensor = Tensor(emptyOfShape: shape, elementType: type)
        tensor.fill(initial)
        buffers.append((key, tensor))
        return tensor
    }

    /// A buffer whose values follow from the network's sizes.
    func buffer(_ key: String, _ shape: [Int], _ type: ElementType, values: () -> Tensor) -> Tensor {
        let tensor = found(key, shape: shape, type) ?? values()
        buffers.append((key, tensor))
        return tensor
    }

    /// Nil if an initial value is needed. Missing weights are never allocated: a damaged or hostile
    /// file may declare a network of any size.
    private func found(_ key: String, shape: [Int], _ type: ElementType = .float32) -> Tensor? {
        let isNew = known.insert(key).inserted
        precondition(isNew, "two tensors with the key \(key)")
        if isOutline { return .undefined }
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
        return Tensor(host).to(type)
    }
}

extension ParameterPath where Source == ParameterStore {
    /// A tensor that belongs to the weights but that no optimiser updates.
    func buffer(_ name: String, _ shape: [Int], _ initial: Double, _ type: ElementType = .float32) -> Tensor {
        source.buffer((self / name).key, shape, initial, type)
    }

    /// A buffer whose values follow from the network's sizes.
    func buffer(_ name: String, _ shape: [Int], _ type: ElementType, values: () -> Tensor) -> Tensor {
        source.buffer((self / name).key, shape, type, values: values)
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
            // No draw ever exceeds a hundred deviations; below that, redraw the values outside.
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
