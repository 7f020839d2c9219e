import ArgumentParser
import Commands
import Foundation
import Networks
import Runs
import Segmentation
import Torch
import Training
import VMUNet

extension PaperTable: ExpressibleByArgument {}

struct Ablate: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Train a grid of settings, one run each, and print a table: the paper's ablations (Tables III–VI) or your own grid.",
        discussion: """
            RUNS/CELL is each run's folder; RUNS/ablation.md and ablation.json hold the table, beside the paper's figures where they compare. The \
            same command continues an interrupted grid: it skips finished runs and resumes an unfinished one. A grid's file has the sections \
            base (a configuration, or a path to one) and axes (network.drop_path: [0.0, 0.2]).

            Examples:
              vmunet ablate --table V --data ISIC17 --dataset isic17 --runs runs/table5 --dry-run
              vmunet ablate --config grid.yaml --runs runs/grid
            """)

    @Option(help: "The paper's table: III (initial weights), IV (drop path), V (blocks), VI (input size).")
    var table: PaperTable?

    @Option(help: "A grid in YAML; with --table, a configuration to start from.")
    var config: String?

    @OptionGroup var output: GridOptions

    @OptionGroup var options: TrainingOptions

    @Option(name: .customLong("vmamba-t"), help: "Table III: the file of VMamba-T's weights.")
    var vmambaT: String?

    @Option(name: .customLong("vmamba-s"), help: "Table III: the file of VMamba-S's weights.")
    var vmambaS: String?

    @OptionGroup var telling: OutputOptions

    var computing: ComputeOptions? { options.compute }

    func validate() throws {
        guard table != nil || config != nil else {
            throw ValidationError("--table (III, IV, V or VI) or --config, a grid's file, is needed")
        }
        guard table == .initialWeights || (vmambaT == nil && vmambaS == nil) else {
            throw ValidationError("--vmamba-t and --vmamba-s belong to --table III; give --init for the others")
        }
        guard table != .initialWeights || options.initialWeights == nil else {
            throw ValidationError("--table III varies the initial weights: give --vmamba-t and --vmamba-s")
        }
        guard table != .inputSize || options.imageSize == nil else {
            throw ValidationError("--table VI varies the size: leave out --image-size")
        }
        guard table != .architecture || (options.network.depths == nil && options.network.decoderDepths == nil) else {
            throw ValidationError("--table V varies the blocks: leave out --depths and --decoder-depths")
        }
    }

    func run() throws {
        try options.prepare()
        let runner = AblationRunner(try grid(), in: output.folder, compileGraph: options.compute.compileGraph)
        output.announce(runner.grid, try runner.grid.cells.map(runner.state))
        if output.dryRun { return }
        let stop = StopSignal()
        let display = TrainingDisplay()
        let result = try runner.run(shouldStop: { stop.isSet }) { display.show($0) }
        Console.status("")
        try output.finish(
            result, markdown: result.markdown, isInterrupted: result.isInterrupted,
            hasFailed: result.rows.contains { $0.state == .failed })
    }

    private func grid() throws -> AblationGrid {
        guard let table else { return try AblationGrid(yamlFile: URL(filePath: config ?? "")) { try options.lay(over: &$0, given: $1) } }
        guard config != nil || options.dataset != nil else {
            throw ValidationError("--dataset is needed: \(DatasetLayouts.names) (or --config)")
        }
        var weights: [String: String] = [:]
        if let vmambaT { weights["VMamba-T"] = vmambaT }
        if let vmambaS { weights["VMamba-S"] = vmambaS }
        return try table.grid(options.base(config), initialWeights: weights)
    }
}
