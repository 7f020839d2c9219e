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
        discussion: """
            Weights are random. With --train a run is forward, backward and a step of AdamW; otherwise it is inference. Everything goes through libtorch here; \
            without --train and a GPU's options, ./vmunet bench takes the package's own kernels, as predict does.

            Examples:
              vmunet bench --preset small --json
              vmunet bench --train --batch-size 8 --precision bf16
            """)

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

    @OptionGroup var telling: OutputOptions

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
        let result = BenchResult(
            times, engine: "libtorch", peakMemory: device.isCPU ? nil : Torch.peakGPUMemory ?? 0, imageSize: imageSize,
            batchSize: batchSize, train: train, precision: precision, device: device.name,
            compileGraph: compute.compileGraph && !device.isCPU, threads: Torch.threads, instructionSet: Torch.instructionSet, configuration
        )
        if json { try Console.json(result) } else { Console.out(result.description) }
        if profile { Console.note(Profile.table(runs: runs)) }
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
}
