import VMUNet

/// A small random generator for timing: the same numbers each time, of no statistical quality.
package struct SmallRandom {
    private var state: UInt64 = 1

    /// The first number comes next.
    package init() {}

    /// Uniform in 0..<1.
    package mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) * 0x1p-24
    }
}

extension KernelWeights {
    /// Untrained weights for timing: small random numbers, and ones for LayerNorm's scales.
    ///
    /// - Throws: ``/VMUNet/WeightsMismatch`` never, for a configuration that is valid.
    public static func random(for configuration: VMUNetConfiguration) throws(WeightsMismatch) -> KernelWeights {
        // A first set without shapes makes the network report the shapes that it wants.
        var shapes: [String: [Int]] = [:]
        do {
            _ = try KernelsNetwork(configuration, KernelWeights(keys: []) { _ in StoredWeight(shape: [], type: .float32) { _ in } })
        } catch {
            for misfit in error.wrongShape { shapes[misfit.key] = misfit.expected }
        }
        return KernelWeights(keys: shapes.keys.sorted()) { key in
            guard let shape = shapes[key] else { return nil }
            let isScale = shape.count == 1 && key.hasSuffix("weight")
            return StoredWeight(shape: shape, type: .float32) { body in
                var random = SmallRandom()
                let values = (0..<shape.reduce(1, *)).map { _ in isScale ? 1 : (random.next() - 0.5) * 0.1 }
                values.withUnsafeBytes { body($0) }
            }
        }
    }
}
