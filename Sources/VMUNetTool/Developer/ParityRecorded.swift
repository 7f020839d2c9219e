import Commands
import Networks
import Segmentation
import Torch
import Training
import VMUNet

extension ParityComparison {
    /// Compares work recorded by `--compile-graph` with the same work unrecorded, on the device
    /// itself: logits of inference; the loss of a training step with stochastic depth and (in
    /// float32) every gradient. Pictures and random numbers change from call to call.
    func recorded(_ precision: Compute.Precision) throws -> [ParityRow] {
        var configuration = configuration
        configuration.dropPath = max(configuration.dropPath, 0.2)
        let shape = [batchSize, 3, imageSize, imageSize], type = precision.elementType
        return try withTorchErrors {
            Torch.manualSeed(7)
            let network = try TorchVMUNet(configuration).on(device)
            let pictures = (0..<2).map { _ in ((Tensor.random(count: shape.reduce(1, *)) + -0.5) * 4).reshaped(shape).to(device) }
            let images = pictures[0].copied()
            let labels = (Tensor.random(count: batchSize * imageSize * imageSize) * Double(max(configuration.classes, 2))).floored()
            let target =
                configuration.classes == 1
                ? labels.reshaped([batchSize, 1, imageSize, imageSize]).to(device)
                : labels.to(.int64).reshaped([batchSize, imageSize, imageSize]).to(device)

            func row(_ name: String, _ optimizer: AdamW?, _ work: @escaping () -> Tensor) throws -> ParityRow {
                func outcomes(_ calls: Range<Int>, _ call: () throws -> Tensor) throws -> [(result: [Float], gradients: [[Float]])] {
                    try calls.map { i in
                        optimizer?.zeroGradients()
                        images.assign(pictures[i % 2])
                        Torch.manualSeed(UInt64(i % 2))
                        let result = try call().floats()
                        return (result, precision == .fp32 ? optimizer?.parameters.map { $0.gradient?.floats() ?? [] } ?? [] : [])
                    }
                }
                let plain = try outcomes(0..<2, work)
                let recorded = try RecordedWork(on: device) { [work()] }
                // Runs the warm-up and the recording, then each picture twice.
                let got = try outcomes(0..<(RecordedWork.warmUps + 1) / 2 * 2 + 4) { try recorded()[0] }
                let errors = got.enumerated().map { i, values in
                    (
                        Self.error(values.result, plain[i % 2].result),
                        zip(values.gradients, plain[i % 2].gradients).map { Self.error($0, $1) }.max()
                    )
                }
                let last = got.suffix(4).map { $0 }
                let limits = limits(precision)
                return ParityRow(
                    kind: "recorded", name: name, precision: precision.rawValue, forward: errors.map(\.0).max(),
                    gradient: errors.compactMap(\.1).max(), worst: nil, forwardLimit: limits.forward, gradientLimit: limits.gradient,
                    isDeterministic: last[0] == last[2] && last[1] == last[3])
            }

            let inference = try row("inference", nil) { withoutGradients { network(images, ForwardMode(precision: Precision(type))) } }
            let optimizer = AdamW(network.parameters.map { $0.tensor.requiringGrad() })
            let step = try row("training step", optimizer) {
                let value = SegmentationLoss()(network(images, ForwardMode(precision: Precision(type), isTraining: true)), target)
                value.backward()
                return value.detached()
            }
            return [inference, step]
        }
    }
}
