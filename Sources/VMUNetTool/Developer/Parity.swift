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
struct Parity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare a device's kernels with the reference on random weights: operators, logits, gradients, recorded work.",
        discussion: """
            On a GPU the reference is the CPU. On the CPU it is composed of libtorch's own operators, which are slow: use small sizes. An error is the greatest difference \
            over the greatest expected magnitude. Work recorded by --compile-graph is compared with the same work unrecorded, on the device itself. Exits with 70 \
            if an error exceeds its limit, or if the same input gives different bits a second time.
            """,
        shouldDisplay: false)

    @OptionGroup var network: NetworkOptions

    @Option(help: "A network's weights, instead of random ones.")
    var weights: String?

    @Option(help: "Height and width, a multiple of 32.")
    var imageSize = 64

    @Option(help: "Pictures at a time.")
    var batchSize = 2

    @Option(help: "The device with the kernels to compare.")
    var device: Compute.Device = .auto

    @Flag(help: "One JSON object on standard output.")
    var json = false

    func validate() throws {
        try Require.imageSize(imageSize)
        try Require.count(batchSize, "--batch-size", upTo: 1024)
    }

    func run() throws {
        var configuration = try network.configuration()
        let trained = try weights.map { try NetworkWeights.read(URL(filePath: $0)) }
        if let trained { configuration = try VMUNetConfiguration(readFrom: trained) }
        let comparison = ParityComparison(
            configuration, weights: trained, device: try device.resolved(), imageSize: imageSize, batchSize: batchSize)
        var rows: [ParityRow] = []
        for precision in [Compute.Precision.fp32, .bf16] {
            let found = try comparison.operators(precision) + comparison.network(precision)
            rows += found
            if !json { for row in found { print(row) } }
        }
        // Last, because a failed recording may make libtorch unusable on the GPU.
        var failure: TorchError?
        do {
            for precision in [Compute.Precision.fp32, .bf16] {
                let found = try comparison.recorded(precision)
                rows += found
                if !json { for row in found { print(row) } }
            }
        } catch let error as TorchError {
            failure = error
        }
        let failed = rows.filter { !$0.isWithinLimit }
        if json {
            try Console.json(
                Result(
                    device: comparison.device.name, reference: comparison.referenceName, rows: rows,
                    passed: failed.isEmpty && failure == nil, failure: failure?.description))
        }
        if let failure { throw failure }
        guard failed.isEmpty else {
            Console.error("parity: \(failed.count) of \(rows.count) comparisons exceed their limit")
            throw ExitCode(ExitStatus.internalError)
        }
    }

    struct Result: Encodable {
        let device: String
        let reference: String
        let rows: [ParityRow]
        let passed: Bool
        /// Why the network's work could not be recorded; nil if it could.
        let failure: String?
    }
}

/// One comparison.
struct ParityRow: Encodable, CustomStringConvertible {
    /// "operator", "network", "gradients" or "recorded".
    let kind: String
    let name: String
    let precision: String
    /// The errors of the result and of the worst gradient; nil if there are none.
    let forward: Double?
    let gradient: Double?
    /// The gradient with the greatest error.
    let worst: String?
    let forwardLimit: Double
    let gradientLimit: Double
    /// True if a second run gave the same bits.
    let isDeterministic: Bool

    var isWithinLimit: Bool { (forward ?? 0) <= forwardLimit && (gradient ?? 0) <= gradientLimit && isDeterministic }

    var description: String {
        func text(_ value: Double?) -> String { value.map { String(format: "%.1e", $0) } ?? "–" }
        let name = "\(kind) \(name)".padding(toLength: 44, withPad: " ", startingAt: 0)
        return "\(precision) \(name) forward \(text(forward)) gradient \(text(gradient))\(worst.map { " (\($0))" } ?? "")"
            + (isDeterministic ? "" : ", other bits a second time") + (isWithinLimit ? "" : "  BEYOND ITS LIMIT")
    }
}
