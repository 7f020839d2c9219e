import CKernels
import Foundation
import Kernels
import Networks
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

/// The network on the kernels, compared with PyTorch in float64, with itself and with libtorch's
/// engine.
@Suite(.serialized) struct NetworkTests {
    private static let tiny = VMUNetConfiguration(
        classes: 3, dims: [12, 24, 48, 96], depths: [1, 2, 1, 1], decoderDepths: [1, 1, 2, 1], stateSize: 7)

    @Test func nineClassesOneChannelAsPyTorch() throws {
        let golden = try Golden.read("model_small9.safetensors")
        let network = try KernelsInference(try Golden.read("model_small9_weights.safetensors"))
        #expect(network.classes == 9)
        let x = golden["x"]!
        let logits = try network.logits(x.floats, batch: x.shape[0], height: x.shape[2], width: x.shape[3])
        #expect(relativeDistance(logits, golden["logits"]!.doubles) < 2e-5)
    }

    @Test(.enabled(if: TestMachine.fixtures != nil, "set VMUNET_FIXTURES to the folder of golden cases"))
    func threeChannelsAsPyTorch() throws {
        let golden = try Golden.read("model_small_train.safetensors")
        let network = try KernelsInference(try Golden.read("model_small_weights.safetensors"))
        let x = golden["x"]!
        let logits = try network.logits(x.floats, batch: x.shape[0], height: x.shape[2], width: x.shape[3])
        #expect(relativeDistance(logits, golden["logits"]!.doubles) < 2e-5)
    }

    struct Images: Sendable, CustomStringConvertible {
        var channels = 3
        /// The images' channels; nil for as many as the network takes.
        var given: Int?
        var batch = 1
        var height: Int
        var width: Int
        var description: String { "\(batch)×\(given ?? channels)×\(height)×\(width) into \(channels)" }
    }

    static let shapes = [
        Images(height: 64, width: 64), Images(given: 1, height: 32, width: 96), Images(channels: 1, batch: 2, height: 64, width: 32),
        Images(channels: 4, batch: 3, height: 96, width: 32), Images(channels: 16, height: 32, width: 160),
        Images(batch: 5, height: 32, width: 32),
    ]

    @Test(arguments: shapes, ["portable", "avx2", "avx512"]) func asLibtorch(_ images: Images, instructions: String) throws {
        var configuration = Self.tiny
        configuration.inputChannels = images.channels
        let weights = try Random.weights(configuration)
        let shape = [images.batch, images.given ?? images.channels, images.height, images.width]
        let pictures = Random.images(shape.reduce(1, *))
        vmk_set_instruction_set(instructions)
        defer { vmk_set_instruction_set(nil) }
        let expected = try TorchVMUNet(weights: weights).logits(pictures, shape)
        let logits = try KernelsInference(weights).logits(pictures, batch: shape[0], height: shape[2], width: shape[3])
        #expect(relativeDistance(logits, expected) < 2e-5)
    }

    /// bfloat16 is as close to float32 as through libtorch: it rounds in the same places.
    @Test func bfloat16AsLibtorchs() throws {
        for configuration in [VMUNetConfiguration.tiny, Self.tiny] {
            let weights = try Random.weights(configuration)
            let shape = [2, 3, 96, 64], pictures = Random.images(2 * 3 * 96 * 64)
            let exact = try KernelsInference(weights).logits(pictures, batch: 2, height: 96, width: 64)
            let rough = try KernelsInference(weights, precision: .bfloat16).logits(pictures, batch: 2, height: 96, width: 64)
            let theirs = try TorchVMUNet(weights: weights).logits(pictures, shape, .bfloat16)
            let (ours, libtorchs) = (relativeDistance(rough, exact), relativeDistance(theirs, exact))
            #expect(ours > 1e-4, "bfloat16 rounds")
            #expect(ours < 1.05 * libtorchs, "\(ours) from float32, libtorch's \(libtorchs)")
        }
    }

    @Test(arguments: [Precision.float32, .bfloat16]) func sameBitsWhateverTheThreads(_ precision: Precision) throws {
        let weights = try Random.weights(Self.tiny)
        let network = try KernelsInference(weights, precision: precision)
        let pictures = Random.images(2 * 3 * 64 * 96)
        func run() throws -> [UInt32] { try network.logits(pictures, batch: 2, height: 64, width: 96).map(\.bitPattern) }
        defer { vmk_set_threads(0) }
        vmk_set_threads(1)
        let first = try run()
        for threads in [1, 2, 3, 4, 7] {
            vmk_set_threads(Int32(threads))
            #expect(try run() == first, "\(threads) threads")
        }
    }

    /// Large pictures go one by one through the first stages, and their rows piece by piece.
    @Test(arguments: [Precision.float32, .bfloat16]) func samePictureInAnyBatch(_ precision: Precision) throws {
        var configuration = VMUNetConfiguration.tiny
        configuration.classes = 2
        let weights = try Random.weights(configuration)
        let network = try KernelsInference(weights, precision: precision)
        let (batch, height, width) = (3, 512, 256)
        let pictures = Random.images(batch * 3 * height * width), count = pictures.count / batch
        let together = try network.logits(pictures, batch: batch, height: height, width: width)
        let alone = try (0..<batch).flatMap {
            try network.logits(Array(pictures[$0 * count..<($0 + 1) * count]), batch: 1, height: height, width: width)
        }
        #expect(together.map(\.bitPattern) == alone.map(\.bitPattern))
        if precision == .float32 {
            let theirs = try TorchVMUNet(weights: weights).logits(pictures, [batch, 3, height, width])
            #expect(relativeDistance(together, theirs) < 2e-5)
        }
    }

    /// Eight pictures take much less than eight times the memory of one, since the first stages,
    /// which have the largest maps, hold one picture at a time.
    @Test func memoryOfABatch() throws {
        let network = try KernelsNetwork(.base, Self.stored(try Random.weights(.base)))
        let one = try #require(network.plan(batch: 1, channels: 3, height: 256, width: 256))
        let eight = try #require(network.plan(batch: 8, channels: 3, height: 256, width: 256))
        #expect(eight.memoryBytes < 4 * one.memoryBytes)
    }

    @Test func manyAtTheSameTime() async throws {
        let network = try KernelsInference(try Random.weights(Self.tiny))
        let sizes = [(32, 32), (64, 32), (32, 96), (64, 64)]
        let alone = try sizes.map { try network.logits(Random.images(3 * $0.0 * $0.1), batch: 1, height: $0.0, width: $0.1) }
        try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for i in 0..<24 {
                let (height, width) = sizes[i % 4]
                group.addTask {
                    (i % 4, try network.logits(Random.images(3 * height * width), batch: 1, height: height, width: width))
                }
            }
            for try await (i, logits) in group { #expect(logits == alone[i]) }
        }
    }

    /// A map's memory is reused as soon as nothing reads it any more.
    @Test(arguments: [VMUNetConfiguration.base, .small, tiny]) func memoryIsWhatIsAlive(_ configuration: VMUNetConfiguration) throws {
        let network = try KernelsNetwork(configuration, Self.stored(try Random.weights(configuration)))
        for (batch, height, width) in [(1, 256, 256), (8, 256, 256), (1, 512, 512), (1, 32, 160)] {
            let plan = try #require(network.plan(batch: batch, channels: 3, height: height, width: width))
            #expect(plan.memoryBytes >= plan.liveBytes)
            #expect(Double(plan.memoryBytes) <= 1.1 * Double(plan.liveBytes), "\(batch)×\(height)×\(width)")
        }
    }

    @Test func imagesThatDoNotFit() throws {
        let network = try KernelsInference(try Random.weights(Self.tiny))
        for (count, batch, height, width) in [
            (3 * 33 * 32, 1, 33, 32), (2 * 32 * 32, 1, 32, 32), (3 * 32 * 32 - 1, 1, 32, 32), (0, 0, 32, 32), (0, 1, 0, 0),
        ] {
            #expect(throws: ConfigurationError.self) {
                try network.logits([Float](repeating: 0, count: count), batch: batch, height: height, width: width)
            }
        }
    }

    private static func stored(_ weights: StateDictionary) -> KernelWeights {
        KernelWeights(keys: weights.keys) { key in weights[key].map(StoredWeight.init) }
    }
}
