import CKernels
import Foundation
import Networks
import Segmentation
import TensorFiles
import Testing
import Torch
import VMUNet

/// Random numbers that are equal on every platform.
struct Stream {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func uniform() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) * 0x1p-24
    }

    /// Roughly normal: a sum of twelve uniform numbers.
    mutating func normal() -> Float { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}

enum Random {
    /// Weights in a trained network's range. None is zero, one or symmetric, so a wrong axis shows.
    static func weights(_ configuration: VMUNetConfiguration, seed: UInt64 = 1) throws -> StateDictionary {
        var stream = Stream(seed)
        return StateDictionary(
            try TorchVMUNet(configuration).parameters.map { key, tensor in
                let shape = tensor.shape
                let isMatrix = shape.count > 1 && key.hasSuffix(".weight")
                let fan = Float(isMatrix ? shape[1...].reduce(1, *) : shape.last!)
                // Chosen once per tensor: comparing names for each of 30 million values would take
                // minutes.
                let value: (Int, Float) -> Float
                if key.hasSuffix("A_logs") {
                    value = { i, r in log(Float(i % shape[1] + 1)) + 0.1 * r }
                } else if key.hasSuffix("Ds") {
                    value = { _, r in 1 + 0.2 * r }
                } else if key.hasSuffix("dt_projs_bias") {
                    value = { _, r in -3 + 0.8 * r }
                } else if key.contains("norm") || key.contains("ln_1") {
                    value = key.hasSuffix("weight") ? { _, r in 1 + 0.1 * r } : { _, r in 0.05 * r }
                } else if key.hasSuffix("bias") {
                    value = { _, r in 0.05 * r }
                } else {
                    value = { _, r in r / fan.squareRoot() }
                }
                let values: [Float] = (0..<tensor.count).map { value($0, stream.normal()) }
                return (key, HostTensor(values, shape: shape))
            })
    }

    static func images(_ count: Int, seed: UInt64 = 5) -> [Float] {
        var stream = Stream(seed)
        return (0..<count).map { _ in stream.normal() }
    }
}

extension TorchVMUNet {
    /// Logits computed by libtorch.
    func logits(_ images: [Float], _ shape: [Int], _ precision: Precision = .float32) throws -> [Float] {
        try withTorchErrors { withoutGradients { self(Tensor(images, shape: shape), ForwardMode(precision: precision)).floats() } }
    }
}
