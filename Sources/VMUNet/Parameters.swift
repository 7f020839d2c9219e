/// Provides a network's parameters by checkpoint key while its layers are created.
public protocol ParameterSource {
    /// A parameter in the form that layers keep.
    associatedtype Parameter: Sendable
    /// The parameters that the finished network keeps.
    associatedtype Parameters: Sendable

    /// The parameter of this key and shape. One that does not fit is noted for ``finish()``, and a
    /// placeholder without memory takes its place.
    func parameter(_ key: String, _ shape: [Int], _ use: ParameterUse, _ initial: InitialValues) -> Parameter
    /// Throws unless every requested parameter was found, in its shape, and no key is left over.
    func finish() throws(WeightsMismatch) -> Parameters
}

/// The use of a parameter. Engines may prepare matrices for their products.
public enum ParameterUse: Sendable {
    /// Read as it is.
    case values
    /// The weight of a product, [outputs, inputs…]; with `groups` products that share x, [groups,
    /// outputs, inputs].
    case matrix(groups: Int)
}

/// The initial values of a new parameter.
public enum InitialValues: Sendable {
    case constant(Double)
    /// Uniform in ±bound.
    case uniform(bound: Double)
    /// Normal around 0, redrawn until within ±`limit` in absolute value.
    case truncatedNormal(standardDeviation: Double, limit: Double)
    /// log(n + 1) in column n of every row.
    case logarithms
    /// softplus⁻¹ of a value drawn log-uniformly from low…high, at least `floor`.
    case inverseSoftplusOfLogUniform(low: Double, high: Double, floor: Double)
}

/// A place in the tree of keys: `path / "layers" / 0` names `layers.0`.
public struct ParameterPath<Source: ParameterSource> {
    /// The source of the parameters.
    public let source: Source
    /// The key so far, empty at the root.
    public let key: String

    /// The root, or the place of that key.
    public init(_ source: Source, key: String = "") {
        self.source = source
        self.key = key
    }

    /// The child of that name.
    public static func / (path: ParameterPath, name: String) -> ParameterPath {
        ParameterPath(path.source, key: path.key.isEmpty ? name : path.key + "." + name)
    }
    /// The child of that number.
    public static func / (path: ParameterPath, index: Int) -> ParameterPath { path / String(index) }

    /// The float32 parameter of this name and shape, from the source's weights or filled with
    /// initial values.
    public func parameter(_ name: String, _ shape: [Int], _ initial: InitialValues) -> Source.Parameter {
        source.parameter((self / name).key, shape, .values, initial)
    }

    /// The weight of a product, or of `groups` products side by side.
    public func matrix(_ name: String, _ shape: [Int], groups: Int = 1, _ initial: InitialValues) -> Source.Parameter {
        source.parameter((self / name).key, shape, .matrix(groups: groups), initial)
    }
}

/// Weights that do not fit a network; lists every key that is missing, unexpected or of another
/// shape.
public struct WeightsMismatch: Error, Sendable, Equatable {
    /// A tensor of another shape than the network's.
    public struct Shape: Sendable, Equatable {
        /// Its checkpoint key.
        public let key: String
        /// The network's shape.
        public let expected: [Int]
        /// The weights' shape.
        public let got: [Int]

        /// A tensor and its two shapes.
        public init(key: String, expected: [Int], got: [Int]) {
            self.key = key
            self.expected = expected
            self.got = got
        }
    }
    /// Keys that the weights lack.
    public var missing: [String] = []
    /// Keys that the network lacks.
    public var unexpected: [String] = []
    /// Tensors of another shape.
    public var wrongShape: [Shape] = []

    /// Nothing misfits.
    public init() {}

    /// True if the weights fit.
    public var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && wrongShape.isEmpty }

    /// The most keys of each kind in a message; a damaged or hostile file may misfit in a hundred
    /// thousand places.
    private static let listed = 20

    /// The three counts, then up to twenty lines of each kind.
    public var description: String {
        var text =
            "the weights do not fit the network: \(missing.count) missing, \(unexpected.count) unexpected, \(wrongShape.count) of another shape"
        func list(_ count: Int, _ line: (Int) -> String) {
            for i in 0..<min(count, Self.listed) { text += "\n  " + line(i) }
            if count > Self.listed { text += "\n  … and \(count - Self.listed) more" }
        }
        list(missing.count) { "missing: " + missing[$0] }
        list(unexpected.count) { "unexpected: " + unexpected[$0] }
        list(wrongShape.count) {
            let shape = wrongShape[$0]
            return "shape: \(shape.key): expected \(bracketed(shape.expected)), got \(bracketed(shape.got))"
        }
        return text
    }
}

/// `[2, 3]`; the standard library's description would pull in more code.
func bracketed(_ values: [Int]) -> String {
    var text = "["
    for (i, value) in values.enumerated() {
        if i > 0 { text += ", " }
        text += String(value)
    }
    return text + "]"
}

#if !hasFeature(Embedded)
    extension WeightsMismatch: CustomStringConvertible {}
    extension ConfigurationError: CustomStringConvertible {}
#endif
