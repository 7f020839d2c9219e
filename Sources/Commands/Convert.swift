import ArgumentParser
import Files
import Segmentation
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package struct Convert: ToolCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Convert weights between .pth and .safetensors.",
        discussion: """
            Reads every form of PyTorch checkpoint without running anything in it. torch.load(weights_only=True) reads the .pth files that it writes.

            Examples:
              vmunet convert best.pth best.safetensors
              vmunet convert runs/first/checkpoints/best.safetensors small.safetensors --bf16
            """)

    @Argument(help: "Weights to read.")
    var input: String

    @Argument(help: "The file to write; its extension decides the format.")
    var output: String

    @OptionGroup var choice: WeightsOptions

    @Flag(name: .customLong("bf16"), help: "Store floating-point tensors in bfloat16: half the size, three significant digits.")
    var toBFloat16 = false

    @Flag(help: "Keep everything that a run's checkpoint holds beside the weights.")
    var keepOptimizer = false

    @Flag(help: "Print what was written as one JSON object on standard output.")
    var json = false

    @OptionGroup package var telling: OutputOptions

    private struct Output: Encodable {
        let file: String
        let tensors: Int
        let bytes: Int
        let notes: [String]
    }

    package init() {}

    package func run() throws {
        let url = URL(filePath: output)
        guard WeightsFile.Format(url: url) != nil else {
            throw ValidationError("OUT: expected a name that ends in .pth, .pt or .safetensors, got \(output)")
        }
        guard choice.set == nil || !keepOptimizer else {
            throw ValidationError("--weights-set takes one set of weights, --keep-optimizer keeps all: give one of them")
        }
        let source = URL(filePath: input)
        guard FolderListing.target(source) != FolderListing.target(url) else {
            throw InputError("\(output): is the file to read, which converting would replace; name another file to write")
        }
        var kept = try keepOptimizer ? WeightsFile.read(source) : NetworkWeights.read(source, choosing: choice.set ?? .model)
        for text in kept.notes { Console.note("note: \(source.lastPathComponent): \(text)") }
        // Tensors are converted one by one through float32; the results stay in memory.
        let values = kept.map(\.tensor.count)
        do { try Memory.ask(for: (toBFloat16 ? 2 : 0) * values.reduce(0, +) + 8 * (values.max() ?? 0)) } catch {
            throw InputError("\(input): \(error.reason); convert it on a machine with more")
        }
        if toBFloat16 { for key in kept.keys { kept[key] = kept[key]?.converted(toFloatingPoint: .bfloat16) } }
        try WeightsFile.write(kept, to: url)
        Console.note("\(counted(kept.count, "tensor")) written to \(output)")
        if json {
            let bytes = kept.reduce(0) { $0 + $1.tensor.bytes.count }
            try Console.json(Output(file: output, tensors: kept.count, bytes: bytes, notes: kept.notes))
        }
    }
}
