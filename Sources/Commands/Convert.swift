import ArgumentParser
import Foundation
import Segmentation
import TensorFiles

package struct Convert: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Convert weights between .pth and .safetensors.",
        discussion:
            "Reads every form of PyTorch checkpoint without running anything in it. torch.load(weights_only=True) reads the .pth files that it writes."
    )

    @Argument(help: "Weights to read.")
    var input: String

    @Argument(help: "The file to write; its extension decides the format.")
    var output: String

    @Flag(name: .customLong("bf16"), help: "Store floating-point tensors in bfloat16: half the size, three significant digits.")
    var toBFloat16 = false

    @Flag(help: "Keep everything that a run's checkpoint holds beside the weights.")
    var keepOptimizer = false

    package init() {}

    package func run() throws {
        let url = URL(filePath: output)
        guard WeightsFile.Format(url: url) != nil else {
            throw ValidationError("OUT: expected a name that ends in .pth, .pt or .safetensors, got \(output)")
        }
        let weights = try WeightsFile.read(URL(filePath: input))
        var kept = keepOptimizer ? weights : weights.networkWeights
        if toBFloat16 { for key in kept.keys { kept[key] = kept[key]?.converted(toFloatingPoint: .bfloat16) } }
        try WeightsFile.write(kept, to: url)
        Console.note("\(kept.count) tensors written to \(output)")
    }
}
