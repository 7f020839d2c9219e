import ArgumentParser
import Files
import VMUNet

package struct Summary: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Parameters and multiply-adds of a network, module by module.",
        discussion: """
            Counts FLOPs in two ways: as in the paper's Table V (Linear, convolution and LayerNorm layers), and in full (with SS2D's projections and scan).

            Examples:
              vmunet summary
              vmunet summary --depths 2,2,9,2 --decoder-depths 2,9,2,2 --image-size 512 --json
            """)

    @OptionGroup var network: NetworkOptions

    @Option(help: "Height and width of the picture, a multiple of 32.")
    var imageSize = 256

    @Flag(help: "One JSON object on standard output.")
    var json = false

    private struct Output: Encodable {
        let parameters: Int
        let flops_paper: Int
        let flops: Int
        let image_size: Int
        let configuration: VMUNetConfiguration
        let modules: [VMUNetSummary.Module]
    }

    package init() {}

    package func validate() throws { try Require.imageSize(imageSize, upTo: 16384) }

    package func run() throws {
        let configuration = try network.configuration()
        let summary = VMUNetSummary(configuration, height: imageSize, width: imageSize)
        if json {
            return try Console.json(
                Output(
                    parameters: summary.parameters, flops_paper: summary.paperFLOPs, flops: summary.flops, image_size: imageSize,
                    configuration: configuration, modules: summary.modules))
        }
        print(line("module", "output", "parameters", "FLOPs (paper)", "FLOPs (whole)"))
        for module in summary.modules {
            print(
                line(
                    module.name, module.output.map(String.init).joined(separator: "×"), grouped(module.parameters), giga(module.paperFLOPs),
                    giga(module.flops)))
        }
        print(line("total", "", grouped(summary.parameters), giga(summary.paperFLOPs), giga(summary.flops)))
    }

    private func line(_ name: String, _ columns: String...) -> String {
        name.padded(to: 26)
            + columns.map { String(repeating: " ", count: max(1, 15 - $0.count)) + $0 }.joined()
    }

    private func giga(_ value: Int) -> String { fixedPoint(Double(value) / 1e9, digits: 4) + " G" }
}
