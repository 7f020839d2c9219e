import Commands
import Networks
import Segmentation
import TensorFiles
import Torch
import Training
import VMUNet

/// One computation done twice: by the reference, and by a device's kernels.
struct ParityComparison {
    let device: Device
    let configuration: VMUNetConfiguration
    let imageSize: Int
    let batchSize: Int
    /// The network's weights; nil for random ones.
    private let weights: StateDictionary?

    init(_ configuration: VMUNetConfiguration, weights: StateDictionary?, device: Device, imageSize: Int, batchSize: Int) {
        (self.configuration, self.weights, self.device) = (configuration, weights, device)
        (self.imageSize, self.batchSize) = (imageSize, batchSize)
    }

    var referenceName: String { device.isCPU ? "libtorch's operators on the CPU" : "this package's kernels on the CPU" }

    /// The largest relative errors allowed. Summing in another order costs the last bits of
    /// float32, gradients accumulate more of them, and bfloat16 has eight bits.
    func limits(_ precision: Compute.Precision) -> (forward: Double, gradient: Double) {
        precision == .fp32 ? (1e-4, 1e-3) : (2e-2, 2e-2)
    }

    /// The host values of one computation: its result, and its gradients by name.
    private struct Values: Equatable {
        var result: [Float]
        var gradients: [(name: String, values: [Float])]

        static func == (a: Values, b: Values) -> Bool {
            a.result == b.result && a.gradients.map(\.values) == b.gradients.map(\.values)
        }
    }

    private func byReference(_ body: (Device) throws -> Values) throws -> Values {
        Torch.usesKernels = !device.isCPU
        defer { Torch.usesKernels = true }
        return try withTorchErrors { try body(.cpu) }
    }

    /// Runs `body` on the reference, then twice on the device.
    private func compared(_ body: (Device) throws -> Values) throws -> (expected: Values, got: Values, isDeterministic: Bool) {
        let expected = try byReference(body)
        let got = try withTorchErrors { try body(device) }
        return (expected, got, try withTorchErrors { try body(device) } == got)
    }

    // MARK: - Operators

    func operators(_ precision: Compute.Precision) throws -> [ParityRow] {
        let limits = limits(precision)
        return try ParityOperator.all(configuration, batch: batchSize, side: imageSize / 4).map { each in
            let (expected, got, same) = try compared { try values(of: each, precision.elementType, on: $0) }
            let errors = zip(expected.gradients, got.gradients).map { ($0.name, Self.error($1.values, $0.values)) }
            let worst = errors.max { $0.1 < $1.1 }
            return ParityRow(
                kind: "operator", name: each.name, precision: precision.rawValue, forward: Self.error(got.result, expected.result),
                gradient: worst?.1, worst: worst?.0, forwardLimit: limits.forward, gradientLimit: limits.gradient, isDeterministic: same)
        }
    }

    private func values(of each: ParityOperator, _ type: ElementType, on device: Device) throws -> Values {
        Torch.manualSeed(11)
        let inputs = each.randomInputs(type, on: device)
        let y = each.call(inputs, type)
        let dy = (Tensor.random(count: y.count) + -0.5).to(y.elementType).reshaped(y.shape).to(device)
        if each.inputs.contains(where: \.hasGradient) { y.backward(dy) }
        let gradients = zip(each.inputs, inputs).filter { $0.0.hasGradient }.map { ($0.name, $1.gradient?.floats() ?? []) }
        return Values(result: y.floats(), gradients: gradients.map { (name: $0.0, values: $0.1) })
    }

    // MARK: - The network

    /// Logits, and the loss's gradients grouped by role.
    func network(_ precision: Compute.Precision) throws -> [ParityRow] {
        let limits = limits(precision)
        let (expected, got, same) = try compared { try values(precision.elementType, on: $0) }
        var forward = (error: Self.error(got.result, expected.result), limit: limits.forward)
        if precision == .bf16 {
            // Two computations in bfloat16 differ by as much as each differs from float32, which is
            // more for random weights than for trained ones. So compare the device with float32,
            // and require it to be as close as the reference in bfloat16.
            let exact = try byReference { try values(.float32, on: $0) }
            forward.error = Self.distance(got.result, exact.result)
            forward.limit = max(limits.forward, 1.25 * Self.distance(expected.result, exact.result))
        }
        let logits = ParityRow(
            kind: "network", name: precision == .bf16 ? "logits, from float32's" : "logits", precision: precision.rawValue,
            forward: forward.error,
            gradient: nil, worst: nil, forwardLimit: forward.limit, gradientLimit: limits.gradient, isDeterministic: same)
        // In bfloat16 a gradient has been rounded once for every later layer, by each side in its
        // own order, so no limit is meaningful.
        guard precision == .fp32 else { return [logits] }
        let errors = zip(expected.gradients, got.gradients).map { (key: $0.name, error: Self.error($1.values, $0.values)) }
        let groups = Dictionary(grouping: errors) { Self.role($0.key) }
        return [logits]
            + groups.sorted { $0.key < $1.key }.map { role, members in
                let worst = members.max { $0.error < $1.error }
                return ParityRow(
                    kind: "gradients", name: role, precision: precision.rawValue, forward: nil, gradient: worst?.error, worst: worst?.key,
                    forwardLimit: limits.forward, gradientLimit: limits.gradient, isDeterministic: same)
            }
    }

    private func values(_ type: ElementType, on device: Device) throws -> Values {
        Torch.manualSeed(7)
        let fresh = try weights.map { try TorchVMUNet(configuration, weights: $0) } ?? TorchVMUNet(configuration)
        if weights == nil {
            // Move away from initial weights: norms of 1 and 0 would hide a wrong index.
            for (_, tensor) in fresh.parameters {
                tensor.assign(tensor + (Tensor.random(count: tensor.count) + -0.5).reshaped(tensor.shape) * 0.1)
            }
        }
        let shape = [batchSize, 3, imageSize, imageSize]
        let images = ((Tensor.random(count: shape.reduce(1, *)) + -0.5) * 4).reshaped(shape)
        let labels = (Tensor.random(count: batchSize * imageSize * imageSize) * Double(max(configuration.classes, 2))).floored()
        let network = try fresh.on(device)
        for parameter in network.parameters { parameter.tensor.requiringGrad() }
        // No stochastic depth: it draws from each device's own generator.
        let logits = network(images.to(device), ForwardMode(precision: Precision(type)))
        let loss =
            configuration.classes == 1
            ? SegmentationLoss().binary(logits, target: labels.reshaped([batchSize, 1, imageSize, imageSize]).to(device))
            : SegmentationLoss().manyClasses(logits, labels: labels.to(.int64).reshaped([batchSize, imageSize, imageSize]).to(device))
        loss.backward()
        return Values(result: logits.floats(), gradients: network.parameters.map { ($0.key, $0.tensor.gradient?.floats() ?? []) })
    }

    /// "vmunet.layers.2.blocks.1.self_attention.A_logs" → "layers self_attention.A_logs": the
    /// parameter's role in every block.
    private static func role(_ key: String) -> String {
        let parts = key.split(separator: ".").dropFirst().filter { Int($0) == nil && $0 != "blocks" }
        return ([parts.first ?? ""].map(String.init) + [parts.dropFirst().joined(separator: ".")]).joined(separator: " ")
    }

    /// ‖got − expected‖ / ‖expected‖; infinite if a number is missing or not finite.
    private static func distance(_ got: [Float], _ expected: [Float]) -> Double {
        guard got.count == expected.count, !got.isEmpty else { return .infinity }
        var (difference, magnitude) = (0.0, 1e-30)
        for (a, b) in zip(got, expected) {
            guard a.isFinite, b.isFinite else { return .infinity }
            difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
            magnitude += Double(b) * Double(b)
        }
        return (difference / magnitude).squareRoot()
    }

    /// The greatest difference over the greatest expected magnitude; infinite if a number is
    /// missing or not finite.
    static func error(_ got: [Float], _ expected: [Float]) -> Double {
        guard got.count == expected.count, !got.isEmpty else { return .infinity }
        var difference = 0.0, magnitude = 1e-30
        for (a, b) in zip(got, expected) {
            guard a.isFinite, b.isFinite else { return .infinity }
            difference = max(difference, abs(Double(a) - Double(b)))
            magnitude = max(magnitude, abs(Double(b)))
        }
        return difference / magnitude
    }
}
