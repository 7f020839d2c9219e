import ArgumentParser
import Commands
import Kernels
import Segmentation
import VMUNet

/// `bench` on the package's own kernels, which `predict` uses.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the network on random pictures: the median of several runs after a warm-up.",
        discussion: """
            Weights are random, and a run is inference with the package's own kernels. --train, --profile, --device cuda and a GPU's other options time \
            libtorch instead: ./vmunet sets it up then.

            Examples:
              vmunet bench
              vmunet bench --preset small --batch-size 8 --precision bf16 --json
            """)

    @OptionGroup var network: NetworkOptions

    @Option(help: "Height and width, a multiple of 32.")
    var imageSize = 256

    @Option(help: "Pictures at a time.")
    var batchSize = 1

    @Option(help: "Runs that count.")
    var runs = 10

    @Option(help: "Runs before those.")
    var warmUp = 3

    @OptionGroup var compute: ComputeOptions

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    @OptionGroup var telling: OutputOptions

    func validate() throws {
        try Require.imageSize(imageSize)
        try Require.count(batchSize, "--batch-size", upTo: 65536)
        try Require.count(runs, "--runs", upTo: 1_000_000)
        try Require.count(warmUp, "--warm-up", from: 0, upTo: 1_000_000)
    }

    func run() throws {
        var configuration = VMUNetConfiguration.base
        try self.network.apply(to: &configuration)
        guard compute.device != .cuda else { throw NoGPU() }
        if let threads = compute.threads { KernelsNetwork.setThreads(threads) }
        let precision = compute.precision ?? .fp32
        let inputs = [batchSize, configuration.inputChannels, imageSize, imageSize].reduce(1, *)
        let network = try KernelsNetwork(configuration, .random(for: configuration), precision: precision.ofProducts)
        guard
            let plan = network.plan(batch: batchSize, channels: configuration.inputChannels, height: imageSize, width: imageSize)
        else { throw InputError("no plan for \(batchSize) pictures of \(imageSize)×\(imageSize)") }
        var random = SmallRandom()
        let images = (0..<inputs).map { _ in random.next() * 255 }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(plan.memoryBytes, 64), alignment: 64)
        defer { memory.deallocate() }
        var logits = [Float](repeating: 0, count: plan.logitCount)
        var times: [Double] = []
        for i in 0..<warmUp + runs {
            Console.status("run \(i + 1) of \(warmUp + runs)")
            let start = ContinuousClock.now
            images.withUnsafeBufferPointer { images in
                logits.withUnsafeMutableBufferPointer { logits in
                    guard let images = images.baseAddress, let logits = logits.baseAddress else { return }
                    plan.run(images: images, logits: logits, memory: memory)
                }
            }
            if i >= warmUp { times.append((ContinuousClock.now - start) / .seconds(1)) }
        }
        Console.status("")
        guard logits.allSatisfy(\.isFinite) else { throw InputError("the network's output is not finite") }
        let result = BenchResult(
            times, engine: "kernels", imageSize: imageSize, batchSize: batchSize, precision: precision, device: "cpu",
            threads: KernelsNetwork.threads, instructionSet: KernelsNetwork.instructionSet, configuration)
        if json { try Console.json(result) } else { Console.out(result.description) }
    }
}
