import ArgumentParser
import Commands
import Foundation
import Networks
import Segmentation
import TensorFiles
import Torch
import Training
import VMUNet

/// Hidden from the help's list; for kernel developers and `Benchmarks/gpu.sh`.
struct KernelBench: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "Time each of the network's operators, forward and backward, against the least data and arithmetic that it needs.",
        discussion: """
            Bytes count inputs, results and gradients once each. The reference speeds are those that libtorch reaches on the device for a copy and for a \
            large matrix product. On a GPU the calls are recorded and launched together, so that the host's share does not count. Backward is the time of \
            both passes minus forward's.
            """,
        shouldDisplay: false)

    @OptionGroup var network: NetworkOptions

    @OptionGroup var size: PictureSize

    @Option(help: "Pictures at a time.")
    var batchSize = 32

    @Option(help: "Calls to time together.")
    var calls = 20

    @OptionGroup var compute: ComputeOptions

    @OptionGroup var telling: OutputOptions

    var computing: ComputeOptions? { compute }

    func validate() throws {
        try Require.count(batchSize, "--batch-size", upTo: 1024)
        try Require.count(calls, "--calls", upTo: 100_000)
        if compute.compileGraph { throw ValidationError("--compile-graph: operators are timed one by one; leave it out") }
    }

    struct Row: Encodable {
        let name: String
        let direction: String
        /// [B, H, W, channels of the stage].
        let map: [Int]
        let seconds: Double
        let bytes: Int
        /// Operations of the matrix products; 0 if there are none.
        let operations: Int
    }

    struct Result: Encodable {
        let device: String
        let precision: String
        /// Bytes read and written by a copy of 256 MB (1 MB on a CPU).
        let copy_bytes_per_second: Double
        let product_operations_per_second: Double
        let kernels: [Row]
    }

    func run() throws {
        let configuration = try network.configuration()
        let device = try Torch.prepare(compute.compute), precision = compute.precision ?? .fp32
        Torch.manualSeed(1)
        var rows: [Row] = []
        // The first stage has the most tokens; the third has the most channels that still have
        // enough tokens.
        for stage in [0, 2] {
            let side = (size.imageSize / 4) >> stage
            for each in ParityOperator.all(configuration, stage: stage, batch: batchSize, side: side) {
                rows += try time(each, precision.elementType, device, [batchSize, side, side, configuration.dims[stage]])
            }
        }
        let (copy, product) = (try copySpeed(device), try productSpeed(device, precision.elementType))
        try Console.json(
            Result(
                device: device.name, precision: precision.rawValue, copy_bytes_per_second: copy, product_operations_per_second: product,
                kernels: rows))
    }

    private func time(_ each: ParityOperator, _ type: ElementType, _ device: Device, _ map: [Int]) throws -> [Row] {
        let inputs = try withTorchErrors { each.randomInputs(type, on: device) }
        let results = try withTorchErrors { withoutGradients { each.results(inputs, type) } }
        let derivative = try withTorchErrors { (Tensor.random(count: results[0].count) + -0.5).to(results[0].elementType) }
            .reshaped(results[0].shape).to(device)
        let forward = try seconds(on: device) { each.results(inputs, type) }
        let read = inputs.byteCount
        var rows = [
            Row(
                name: each.name, direction: "forward", map: map, seconds: forward, bytes: read + results.byteCount,
                operations: each.operations)
        ]
        let leaves = inputs.filter(\.requiresGrad)
        guard !leaves.isEmpty else { return rows }
        // Several results are added: their derivatives are then one tensor.
        func sum() -> Tensor {
            let results = each.results(inputs, type)
            return results.dropFirst().reduce(results[0]) { $0 + $1 }
        }
        let withSum = results.count == 1 ? forward : try seconds(on: device) { [sum()] }
        let both = try seconds(on: device) {
            sum().backward(derivative)
            let gradients = leaves.compactMap(\.gradient)
            for leaf in leaves { leaf.clearGradient() }
            return gradients
        }
        rows.append(
            Row(
                name: each.name, direction: "backward", map: map, seconds: max(both - withSum, 0),
                bytes: read + results.count * [derivative].byteCount + leaves.byteCount, operations: 2 * each.operations))
        return rows
    }

    /// Seconds per call, over several consecutive calls that are recorded together.
    private func seconds(on device: Device, _ call: @escaping () -> [Tensor]) throws -> Double {
        let recorded = try RecordedWork(on: device) { [calls] in
            for _ in 1..<calls { _ = call() }
            return call().map { $0.detached() }
        }
        func run() throws {
            let last = try recorded()[0]
            try withTorchErrors { _ = withoutGradients { last.reshaped([last.count]).narrowed(axis: 0, start: 0, length: 1).item } }
        }
        for _ in 0...RecordedWork.warmUps { try run() }
        let clock = ContinuousClock()
        let times = try (0..<3).map { _ in try clock.measure(run).seconds }
        return max(times.sorted()[1], 1e-9) / Double(calls)
    }

    private func copySpeed(_ device: Device) throws -> Double {
        let source = try withTorchErrors { Tensor.random(count: device.isCPU ? 1 << 18 : 1 << 26, device: device) }
        return Double(2 * [source].byteCount) / (try seconds(on: device) { [source.copied()] })
    }

    private func productSpeed(_ device: Device, _ type: ElementType) throws -> Double {
        let n = device.isCPU ? 256 : 8192
        let (a, b) = try withTorchErrors {
            (
                Tensor.random(count: n * n, device: device).reshaped([n, n]).to(type),
                Tensor.random(count: n * n, device: device).reshaped([n, n]).to(type)
            )
        }
        let product = Operator("aten::mm")
        return Double(2 * n * n * n) / (try seconds(on: device) { [product(.tensor(a), .tensor(b))] })
    }
}

extension [Tensor] {
    fileprivate var byteCount: Int { reduce(0) { $0 + $1.count * $1.elementType.byteCount } }
}
