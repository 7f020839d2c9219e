import ArgumentParser
import Commands
import Segmentation

/// The commands that need no libtorch; `./vmunet` runs them with this executable.
@main
struct VMUNetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Invocation.name,
        abstract: "Vision Mamba UNet: segments medical images.",
        discussion:
            Invocation.introduction + Invocation.otherCommands + Invocation.scriptCommands,
        version: Provenance.version,
        subcommands: [Predict.self, Evaluate.self, Tune.self, Check.self, Summary.self, Convert.self, Bench.self, Page.self])

    static func main() {
        run(with: Backend(networks: .kernels) { false })
    }
}
