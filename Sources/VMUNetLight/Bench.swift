import ArgumentParser
import Commands
import Files
import Kernels
import Segmentation
import VMUNet

/// `bench` on the package's own kernels, which `predict` uses.
struct Bench: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the network on random pictures: the median of several runs after a warm-up.",
        discussion: """
            Weights are random, and a run is inference with the package's own kernels. --train, --profile, --device cuda and a GPU's other options time \
            libtorch instead: ./vmunet sets it up then.

            Examples:
              vmunet bench
              vmunet bench --preset small --batch-size 8 --precision bf16 --json
            """)

    @OptionGroup var options: BenchOptions

    var telling: OutputOptions { options.telling }
    var computing: ComputeOptions? { options.compute }

    func run() throws {
        let configuration = try options.network.configuration()
        guard options.compute.device != .cuda else { throw NoGPU() }
        if let threads = options.compute.compute.threads { KernelsNetwork.setThreads(threads) }
        let (B, C, size) = (options.batchSize, configuration.inputChannels, options.imageSize)
        let network = try KernelsNetwork(configuration, .random(for: configuration), precision: options.precision.ofProducts)
        guard let plan = network.plan(batch: B, channels: C, height: size, width: size) else {
            throw InputError("no plan for \(B) pictures of \(size)×\(size); give fewer or smaller ones")
        }
        let bytes = plan.memoryBytes + 4 * (B * C * size * size + plan.logitCount)
        do { try Memory.ask(for: bytes) } catch {
            throw InputError("\(B) pictures of \(size)×\(size): \(error.reason); give fewer or smaller ones")
        }
        var random = SmallRandom()
        let images = (0..<B * C * size * size).map { _ in random.next() * 255 }
        let memory = MapMemory(bytes: plan.memoryBytes)
        var logits = [Float](repeating: 0, count: plan.logitCount)
        let times = try options.times {
            images.withUnsafeBufferPointer { images in
                logits.withUnsafeMutableBufferPointer { logits in
                    guard let images = images.baseAddress, let logits = logits.baseAddress else { return }
                    plan.run(images: images, logits: logits, memory: memory)
                }
            }
        }
        guard logits.allSatisfy(\.isFinite) else { throw InputError("the network's output is not finite") }
        try options.tell(
            BenchResult(
                times, engine: "kernels", imageSize: size, batchSize: B, precision: options.precision, device: "cpu",
                threads: KernelsNetwork.threads, instructionSet: KernelsNetwork.instructionSet, configuration))
    }
}
