import TensorFiles

/// Where a network's parameters come from and under which checkpoint keys they are kept.
///
/// A network is built with a store: each layer asks for its parameters by key. A store made from weights hands these out, and
/// notes what is missing or of another shape; ``finish()`` then throws one error that lists everything that does not fit.
public final class ParameterStore {
    private var order: [String] = []
    private var values: [String: Tensor] = [:]
    private let weights: StateDictionary?
    private let tensors: [String: Tensor]
    private var misfits = WeightsMismatch()

    /// A store that fills new parameters with initial values, from libtorch's generator (``Torch/manualSeed(_:)``).
    public init() { (weights, tensors) = (nil, [:]) }

    /// A store that takes parameters from a checkpoint.
    public init(weights: StateDictionary) { (self.weights, tensors) = (weights, [:]) }

    /// A store that hands out these very tensors: a network of the same parameters elsewhere, or in another element type.
    public init(tensors: [String: Tensor]) { (weights, self.tensors) = (nil, tensors) }

    /// The root of the keys.
    public var root: ParameterPath { ParameterPath(store: self, prefix: "") }

    /// Every parameter with its key, in the order in which the network asked for them.
    public var parameters: [(key: String, tensor: Tensor)] { order.map { ($0, values[$0]!) } }

    /// Throws ``WeightsMismatch`` unless the weights fitted exactly.
    public func finish() throws {
        guard let weights else { return }
        misfits.unexpected = weights.keys.filter { values[$0] == nil }
        if !misfits.isEmpty { throw misfits }
    }

    fileprivate func parameter(_ key: String, shape: [Int], initial: Initial) -> Tensor {
        precondition(values[key] == nil, "two parameters of the key \(key)")
        let tensor = stored(key, shape: shape) ?? initial.tensor(shape: shape)
        order.append(key)
        values[key] = tensor
        return tensor
    }

    private func stored(_ key: String, shape: [Int]) -> Tensor? {
        if let tensor = tensors[key] { return tensor }
        guard let weights else { return nil }
        guard let host = weights[key] else {
            misfits.missing.append(key)
            return Tensor(emptyOfShape: shape)
        }
        guard host.shape == shape else {
            misfits.wrongShape.append(.init(key: key, expected: shape, got: host.shape))
            return Tensor(emptyOfShape: shape)
        }
        return Tensor(host).to(.float32)
    }
}

/// A place in the tree of keys: `path / "layers" / 0` names `layers.0`.
public struct ParameterPath {
    let store: ParameterStore
    let prefix: String

    public static func / (path: ParameterPath, name: String) -> ParameterPath {
        ParameterPath(store: path.store, prefix: path.prefix.isEmpty ? name : path.prefix + "." + name)
    }
    public static func / (path: ParameterPath, index: Int) -> ParameterPath { path / String(index) }

    /// The float32 parameter of this name and shape, taken from the store's weights or filled with `initial`.
    public func parameter(_ name: String, _ shape: [Int], _ initial: Initial) -> Tensor {
        store.parameter((self / name).prefix, shape: shape, initial: initial)
    }
}

/// How a new parameter is filled.
public enum Initial: Sendable {
    case constant(Double)
    /// Uniform in ±bound.
    case uniform(bound: Double)
    /// Normal around 0, redrawn until within ±`limit` in absolute value.
    case truncatedNormal(standardDeviation: Double, limit: Double)
    /// The same values in every row: shape [rows, values.count].
    case rows([Float])
    /// softplus⁻¹ of a value drawn log-uniformly from low…high, at least `floor`.
    case inverseSoftplusOfLogUniform(low: Double, high: Double, floor: Double)

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
        case .rows(let row):
            let rows = shape.dropLast().reduce(1, *)
            tensor.assign(Tensor(Array(repeating: row, count: rows).flatMap { $0 }, shape: shape))
        case .inverseSoftplusOfLogUniform(let low, let high, let floor):
            tensor.fillLogUniform(low: low, high: high)
            tensor.assign(tensor.clamped(min: floor).inverseSoftplus())
        }
        return tensor
    }
}

/// Weights that do not fit a network: every key that is missing, not known, or of another shape.
public struct WeightsMismatch: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Shape: Sendable, Equatable {
        public let key: String
        public let expected: [Int]
        public let got: [Int]
    }
    public var missing: [String] = []
    public var unexpected: [String] = []
    public var wrongShape: [Shape] = []

    public var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && wrongShape.isEmpty }

    public var description: String {
        var lines = [
            "the weights do not fit the network: \(missing.count) missing, \(unexpected.count) unexpected, \(wrongShape.count) of another shape"
        ]
        lines += missing.map { "  missing: \($0)" }
        lines += unexpected.map { "  unexpected: \($0)" }
        lines += wrongShape.map { "  shape: \($0.key): expected \($0.expected), got \($0.got)" }
        return lines.joined(separator: "\n")
    }
}
