import TensorFiles

/// A trained network, ready to predict. Safe to use from many threads at once.
public protocol InferenceNetwork: Sendable {
    /// The number of classes; 1 is foreground against background.
    var classes: Int { get }
    /// The number of channels of its input.
    var inputChannels: Int { get }
    /// Heights and widths must be multiples of this.
    var sizeMultiple: Int { get }

    /// Images [batch, channels, height, width] → logits [batch, classes, height, width], both
    /// row-major. There are ``inputChannels`` channels, or one that stands for all of them.
    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float]

    /// The probabilities of each pixel's classes, for images as in
    /// ``logits(_:batch:height:width:)``. A picture whose logits are not all finite is NaN.
    func maps(_ images: [Float], batch: Int, height: Int, width: Int) throws -> ProbabilityMaps

    /// The first layer, by its checkpoint key, whose output for these images is not finite; nil if
    /// all are finite or the network cannot tell.
    func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String?

    /// Calls `body` with 0..<count, on as many threads at once as the network makes good use of.
    ///
    /// Pictures are predicted faster side by side, a thread each, than one after the other on all
    /// threads: reading and writing them has no parts to share.
    func sideBySide(_ count: Int, _ body: @Sendable (_ index: Int) -> Void)
}

extension InferenceNetwork {
    /// One after the other.
    public func sideBySide(_ count: Int, _ body: @Sendable (_ index: Int) -> Void) {
        for i in 0..<count { body(i) }
    }

    /// The probabilities of the network's logits.
    public func maps(_ images: [Float], batch: Int, height: Int, width: Int) throws -> ProbabilityMaps {
        ProbabilityMaps(try answer(images, batch: batch, height: height, width: width))
    }

    /// Cannot tell.
    public func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String? { nil }

    /// The logits with their shape, for images as in ``logits(_:batch:height:width:)``.
    public func answer(_ images: [Float], batch: Int, height: Int, width: Int) throws -> Logits {
        let values = try logits(images, batch: batch, height: height, width: width)
        guard values.count == batch * classes * height * width else {
            throw VolumeError(
                operation: "network", expected: "\(batch)×\(classes)×\(height)×\(width) logits", got: "\(values.count)")
        }
        return Logits(values, batch: batch, classes: classes, height: height, width: width)
    }
}

/// Builds networks from weights, and thereby selects the engine that computes them.
public struct NetworkLoader: Sendable {
    /// Loads the network of these weights with these compute settings.
    ///
    /// Throws a ``WeightsProblem`` for weights that are not a network's, and the engine's own error
    /// for a device that cannot be used.
    public let load: @Sendable (_ weights: StateDictionary, _ compute: Compute) throws -> any InferenceNetwork

    /// A loader that builds networks with `load`.
    public init(_ load: @escaping @Sendable (_ weights: StateDictionary, _ compute: Compute) throws -> any InferenceNetwork) {
        self.load = load
    }
}
