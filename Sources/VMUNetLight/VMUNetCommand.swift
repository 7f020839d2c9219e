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
            "Research software, not a medical device. Exit codes: 0 done, 64 usage, 65 bad input, 70 internal, 130 interrupted after saving.\n\n"
            + "./vmunet also has train, demo, ablate, compare, report and serve. They are built, and libtorch is set up if needed, when you first run them.\n\n"
            + Invocation.scriptCommands,
        version: Provenance.version,
        subcommands: [Predict.self, Evaluate.self, Check.self, Summary.self, Convert.self, Bench.self, Page.self])

    static func main() {
        run(with: Backend(networks: .kernels) { false })
    }
}
