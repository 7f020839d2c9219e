import ArgumentParser
import Commands
import Foundation
import Networks
import Segmentation
import TensorFiles
import Torch
import Training
import VMUNet

struct Bench: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time the network on random pictures: the median of several runs after a warm-up.",
        discussion: """
            Weights are random. With --train a run is forward, backward and a step of AdamW; otherwise it is inference. Everything goes through libtorch here; \
            without --train and a GPU's options, ./vmunet bench takes the package's own kernels, as predict does.

            Examples:
              vmunet bench --preset small --json
              vmunet bench --train --batch-size 8 --precision bf16
            """)

    @OptionGroup var options: BenchOptions

    var telling: OutputOptions { options.telling }
    var computing: ComputeOptions? { options.compute }

    @Flag(help: "Time training steps.")
    var train = false

    @Flag(help: "Also print the time of each operator.")
    var profile = false

    func validate() throws {
        if profile, options.compute.compileGraph {
            throw ValidationError("--profile: a graph is one launch, without operators; leave out --compile-graph")
        }
    }

    func run() throws {
        let configuration = try options.network.configuration()
        let device = try Torch.prepare(options.compute.compute)
        Torch.manualSeed(1)
        let network = try TorchVMUNet(configuration).on(device)
        let work = try train ? trainingStep(network, device) : inference(network, device)
        let times = try options.times(work) {
            // Recording happens after the graph's own warm-up and is not timed.
            if options.compute.compileGraph { for _ in 0...RecordedWork.warmUps { try work() } }
            if profile { Profile.begin() }
        }
        try options.tell(
            BenchResult(
                times, engine: "libtorch", peakMemory: device.isCPU ? nil : Torch.peakGPUMemory ?? 0, imageSize: options.imageSize,
                batchSize: options.batchSize, train: train, precision: options.precision, device: device.name,
                compileGraph: options.compute.compileGraph && !device.isCPU, threads: Torch.threads,
                instructionSet: Torch.instructionSet, configuration))
        if profile { Console.note(Profile.table(runs: times.count)) }
    }

    private var shape: [Int] { [options.batchSize, 3, options.imageSize, options.imageSize] }

    private func randomImages(on device: Device) throws -> Tensor {
        try withTorchErrors { Tensor.random(count: shape.reduce(1, *)).reshaped(shape).to(device) }
    }

    private func inference(_ network: TorchVMUNet, _ device: Device) throws -> () throws -> Void {
        let images = try randomImages(on: device), mode = ForwardMode(precision: options.precision.ofProducts)
        let forward = try repeated(on: device) { withoutGradients { network(images, mode) } }
        // Reading a value waits for the device.
        return { try withTorchErrors { _ = try forward().narrowed(axis: 0, start: 0, length: 1).sum().item } }
    }

    /// Work that yields one tensor, recorded if requested.
    private func repeated(on device: Device, _ work: @escaping () -> Tensor) throws -> () throws -> Tensor {
        guard options.compute.compileGraph else { return work }
        let recorded = try RecordedWork(on: device) { [work()] }
        return { try recorded()[0] }
    }

    private func trainingStep(_ network: TorchVMUNet, _ device: Device) throws -> () throws -> Void {
        let images = try randomImages(on: device), classes = network.configuration.classes
        let (B, H, W) = (shape[0], shape[2], shape[3])
        let target = try withTorchErrors {
            let plane = Tensor.random(count: B * H * W).to(device)
            return classes == 1 ? plane.reshaped([B, 1, H, W]) : (plane * Double(classes)).to(.int64).reshaped([B, H, W])
        }
        let mode = ForwardMode(precision: options.precision.ofProducts, isTraining: true)
        let optimizer = AdamW(network.parameters.map { $0.tensor.requiringGrad() })
        let loss = SegmentationLoss()
        let gradients = try repeated(on: device) {
            let value = loss(network(images, mode), target)
            value.backward()
            return value.detached()
        }
        return { [compileGraph = options.compute.compileGraph] in
            try withTorchErrors {
                if compileGraph { optimizer.zeroGradients() } else { optimizer.clearGradients() }
                let value = try gradients()
                optimizer.step()
                _ = value.item
            }
        }
    }
}
