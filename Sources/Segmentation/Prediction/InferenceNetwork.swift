import TensorFiles

/// A trained network, ready to predict. Safe to use from many threads at once.
public protocol InferenceNetwork: Sendable {
    /// Classes of its answer; 1 is foreground against background.
    var classes: Int { get }
    /// Channels of the pictures that it was made for.
    var inputChannels: Int { get }
    /// Heights and widths must be multiples of this.
    var sizeMultiple: Int { get }

    /// Logits [batch, classes, height, width], row-major.
    ///
    /// - Parameter images: [batch, channels, height, width], row-major; ``inputChannels`` channels, or one that stands
    ///   for as many alike.
    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float]

    /// The first layer, by its checkpoint key, whose output for these images is not finite; nil where all are, or where
    /// the network cannot tell.
    func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String?
}

extension InferenceNetwork {
    /// Cannot tell.
    public func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String? { nil }

    /// The logits with their shape. Images as for ``logits(_:batch:height:width:)``.
    public func answer(_ images: [Float], batch: Int, height: Int, width: Int) throws -> Logits {
        Logits(try logits(images, batch: batch, height: height, width: width), batch: batch, classes: classes, height: height, width: width)
    }
}

/// Builds networks from weights: the choice of the engine that computes them.
public struct NetworkLoader: Sendable {
    /// The network of these weights, ready to compute as told.
    ///
    /// Throws a ``WeightsProblem`` for weights that are no network's, and the engine's own error for a device that
    /// cannot be used.
    public let load: @Sendable (_ weights: StateDictionary, _ compute: Compute) throws -> any InferenceNetwork

    /// A loader that builds networks by `load`.
    public init(_ load: @escaping @Sendable (_ weights: StateDictionary, _ compute: Compute) throws -> any InferenceNetwork) {
        self.load = load
    }
}
