import ArgumentParser
import Commands
import Foundation
import Networks
import Segmentation
import TensorFiles
import Torch
import Training
import VMUNet

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the network on random pictures: the median of several runs after a warm-up.",
        discussion: "Weights are random. With --train a run is forward, backward and a step of AdamW; otherwise it is inference.")

    @OptionGroup var network: NetworkOptions

    @Option(help: "Height and width, a multiple of 32.")
    var imageSize = 256

    @Option(help: "Pictures at a time.")
    var batchSize = 1

    @Flag(help: "Time training steps.")
    var train = false

    @Option(help: "Timed runs.")
    var runs = 10

    @Option(help: "Warm-up runs.")
    var warmUp = 3

    @OptionGroup var compute: ComputeOptions

    @Flag(help: "One JSON object on standard output.")
    var json = false

    @Flag(help: "Also print the time of each operator.")
    var profile = false

    struct Result: Encodable {
        let median_seconds: Double
        let minimum_seconds: Double
        let images_per_second: Double
        let peak_memory_bytes: Int
        let runs: Int
        let image_size: Int
        let batch_size: Int
        let train: Bool
        let precision: String
        let device: String
        let compile_graph: Bool
        let threads: Int
        let instruction_set: String
        let parameters: Int
    }

    func validate() throws {
        try Require.imageSize(imageSize)
        try Require.count(batchSize, "--batch-size", upTo: 65536)
        try Require.count(runs, "--runs", upTo: 1_000_000)
        try Require.count(warmUp, "--warm-up", from: 0, upTo: 1_000_000)
        if profile, compute.compileGraph {
            throw ValidationError("--profile: a graph is one launch, without operators; leave out --compile-graph")
        }
    }

    func run() throws {
        var configuration = VMUNetConfiguration.base
        try self.network.apply(to: &configuration)
        let device = try Torch.prepare(compute.compute)
        let precision = compute.precision ?? .fp32
        Torch.manualSeed(1)
        let network = try TorchVMUNet(configuration).on(device)

        let work = try train ? trainingStep(network, precision, device) : inference(network, precision, device)
        // Recording happens after the graph's own warm-up and is not timed.
        for _ in 0..<warmUp + (compute.compileGraph ? RecordedWork.warmUps + 1 : 0) { try work() }
        var times: [Double] = []
        if profile { Profile.begin() }
        for i in 0..<runs {
            Console.status("run \(i + 1) of \(runs)")
            let start = ContinuousClock.now
            try work()
            times.append((ContinuousClock.now - start).seconds)
        }
        Console.status("")
        times.sort()
        let median = times.count.isMultiple(of: 2) ? (times[times.count / 2 - 1] + times[times.count / 2]) / 2 : times[times.count / 2]
        let result = Result(
            median_seconds: median, minimum_seconds: times[0], images_per_second: Double(batchSize) / median,
            peak_memory_bytes: device.isCPU ? Self.peakMemory : Torch.peakGPUMemory ?? 0, runs: runs,
            image_size: imageSize, batch_size: batchSize, train: train, precision: precision.rawValue, device: device.name,
            compile_graph: compute.compileGraph && !device.isCPU, threads: Torch.threads, instruction_set: Torch.instructionSet,
            parameters: VMUNetSummary(configuration, height: imageSize, width: imageSize).parameters)
        if json { try Console.json(result) } else { tell(result) }
        if profile { Console.note(Profile.table(runs: runs)) }
    }

    private func tell(_ result: Result) {
        print(
            String(
                format: "%@ %d×%d, batch %d, %@, %@%@, %d threads, %@: median %.4f s (least %.4f), %.2f images/s, peak memory %.2f GiB",
                train ? "training step" : "inference",
                imageSize, imageSize, batchSize, result.precision, result.device,
                result.compile_graph ? " as a graph" : "", result.threads, result.instruction_set,
                result.median_seconds,
                result.minimum_seconds, result.images_per_second, Double(result.peak_memory_bytes) / 1_073_741_824))
    }

    private func inference(_ network: TorchVMUNet, _ precision: Compute.Precision, _ device: Device) throws -> () throws -> Void {
        let images = try withTorchErrors {
            Tensor.random(count: batchSize * 3 * imageSize * imageSize).reshaped([batchSize, 3, imageSize, imageSize]).to(device)
        }
        let forward = try repeated(on: device) { withoutGradients { network(images, ForwardMode(precision: precision.ofProducts)) } }
        // Reading a value waits for the device.
        return { try withTorchErrors { _ = try forward().narrowed(axis: 0, start: 0, length: 1).sum().item } }
    }

    /// Work that yields one tensor, recorded if requested.
    private func repeated(on device: Device, _ work: @escaping () -> Tensor) throws -> () throws -> Tensor {
        guard compute.compileGraph else { return work }
        let recorded = try RecordedWork(on: device) { [work()] }
        return { try recorded()[0] }
    }

    private func trainingStep(_ network: TorchVMUNet, _ precision: Compute.Precision, _ device: Device) throws -> () throws -> Void {
        let shape = [batchSize, 3, imageSize, imageSize]
        let (images, target) = try withTorchErrors {
            let images = Tensor.random(count: batchSize * 3 * imageSize * imageSize).reshaped(shape).to(device)
            let plane = Tensor.random(count: batchSize * imageSize * imageSize).to(device), classes = network.configuration.classes
            return classes == 1
                ? (images, plane.reshaped([batchSize, 1, imageSize, imageSize]))
                : (images, (plane * Double(classes)).to(.int64).reshaped([batchSize, imageSize, imageSize]))
        }
        let optimizer = AdamW(network.parameters.map { $0.tensor.requiringGrad() })
        let loss = SegmentationLoss()
        let gradients = try repeated(on: device) {
            let value = loss(network(images, ForwardMode(precision: precision.ofProducts, isTraining: true)), target)
            value.backward()
            return value.detached()
        }
        return { [compileGraph = compute.compileGraph] in
            try withTorchErrors {
                if compileGraph { optimizer.zeroGradients() } else { optimizer.clearGradients() }
                let value = try gradients()
                optimizer.step()
                _ = value.item
            }
        }
    }

    /// The process's peak memory in bytes.
    static var peakMemory: Int {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return Int(usage.ru_maxrss) * 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            return Int(usage.ru_maxrss)
        #endif
    }
}
