import Foundation
import Kernels
import Networks
import Segmentation
import TensorFiles
import Testing
import Torch
import VMUNet

/// Weights that fit, weights that do not, and hostile ones.
@Suite struct WeightTests {
    private static let configuration = VMUNetConfiguration(dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoderDepths: [1, 1, 1, 1])

    @Test func everyMisfitIsInOneError() throws {
        var weights = try Random.weights(Self.configuration)
        weights["vmunet.layers.0.blocks.0.self_attention.Ds"] = nil
        weights["vmunet.final_up.norm.bias"] = nil
        weights["vmunet.layers.1.blocks.0.ln_1.bias"] = HostTensor([Float](repeating: 0, count: 3))
        weights["extra"] = HostTensor([Float](repeating: 0, count: 2))
        let error = try #require(throws: WeightsMismatch.self) { try KernelsInference(weights) }
        #expect(error.missing == ["vmunet.layers.0.blocks.0.self_attention.Ds", "vmunet.final_up.norm.bias"])
        #expect(error.unexpected == ["extra"])
        #expect(error.wrongShape == [.init(key: "vmunet.layers.1.blocks.0.ln_1.bias", expected: [16], got: [3])])
    }

    /// A file of bfloat16, float16 or float64 gives the same result as its values in float32.
    @Test(arguments: [ElementType.bfloat16, .float16, .float64]) func otherElementTypes(_ type: ElementType) throws {
        let weights = try Random.weights(Self.configuration)
        let narrow = StateDictionary(weights.map { ($0.key, $0.tensor.converted(toFloatingPoint: type)) })
        let widened = StateDictionary(narrow.map { ($0.key, HostTensor($0.tensor.floats, shape: $0.tensor.shape)) })
        let pictures = Random.images(3 * 32 * 64)
        let got = try KernelsInference(narrow).logits(pictures, batch: 1, height: 32, width: 64)
        #expect(got == (try KernelsInference(widened).logits(pictures, batch: 1, height: 32, width: 64)))
    }

    /// A few hundred kilobytes that declare eight thousand blocks, or tens of thousands of
    /// channels, are refused without allocating them.
    @Test(arguments: [(96, 1000), (16384, 1), (96, 5000)]) func declaredSizesCostNothing(base: Int, depth: Int) throws {
        var weights = StateDictionary()
        for side in ["layers", "layers_up"] {
            for stage in 0..<4 {
                for block in 0..<depth {
                    let channels = side == "layers" && block == 0 ? base << stage : 0
                    weights["vmunet.\(side).\(stage).blocks.\(block).ln_1.weight"] = HostTensor([Float](repeating: 1, count: channels))
                }
            }
        }
        weights["vmunet.final_conv.weight"] = HostTensor([Float](), shape: [1, 0, 1, 1])
        weights["vmunet.layers.0.blocks.0.self_attention.A_logs"] = HostTensor([Float](), shape: [0, 16])
        weights["vmunet.patch_embed.proj.weight"] = HostTensor([Float](), shape: [0, 3, 4, 4])
        let before = Self.peakMemory()
        if depth > 1000 {
            #expect(throws: ConfigurationError.self) { try KernelsInference(weights) }
            #expect(throws: ConfigurationError.self) { try TorchVMUNet(weights: weights) }
        } else {
            let error = try #require(throws: WeightsMismatch.self) { try KernelsInference(weights) }
            #expect(error.description.count < 20_000, "a message that can be read")
            #expect(throws: WeightsMismatch.self) { try TorchVMUNet(weights: weights) }
        }
        #expect(Self.peakMemory() - before < 200 << 20)
    }

    /// In bytes.
    private static func peakMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #if os(Linux)
            return usage.ru_maxrss * 1024
        #else
            return usage.ru_maxrss
        #endif
    }
}
