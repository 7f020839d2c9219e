import ArgumentParser
import Commands
import ReportCommand
import Segmentation

/// `report`, which reads a run's YAML and needs no libtorch.
@main
struct VMUNetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Invocation.name,
        abstract: "Vision Mamba UNet: reports of training runs.",
        discussion: "Research software, not a medical device.",
        version: Provenance.version,
        subcommands: [ReportCommand.self])

    static func main() {
        run(with: Backend(networks: .kernels) { false })
    }
}
