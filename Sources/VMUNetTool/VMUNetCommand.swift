import ArgumentParser
import Commands
import Networks
import ReportCommand
import Torch

@main
struct VMUNetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Invocation.name,
        abstract: "Vision Mamba UNet: trains, evaluates and runs medical image segmentation.",
        discussion:
            Invocation.introduction
            + Invocation.scriptCommands,
        version: "0.1.0 (libtorch \(Torch.version))",
        subcommands: [
            Train.self, Evaluate.self, Tune.self, Predict.self, Check.self, Summary.self, Convert.self, Bench.self, Ablate.self,
            Compare.self, CrossValidate.self, ReportCommand.self, Page.self, Demo.self, Parity.self, KernelBench.self,
        ])

    static func main() {
        Torch.useCachingAllocator()
        Torch.onKernelCompilation(Console.compiling)
        run(with: Backend(networks: .torch, hasLibtorch: true) { Torch.isGPUPresent })
    }
}
