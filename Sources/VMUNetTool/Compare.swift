import ArgumentParser
import Commands
import Foundation
import Imaging
import Report
import Runs
import Segmentation
import Torch
import Training

struct Compare: ToolCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train several networks under one configuration; print the paper's Table I or II, and test the differences.",
        discussion: """
            Every network is trained with every seed on the same pictures in the same order, with the same augmentation, for the same epochs or the \
            same minutes. RUNS/RUN is each run's folder; RUNS/comparison.md, comparison.json and comparison.png hold the tables and the pictures. The \
            same command continues an interrupted comparison. Scores are those of the best weights on the validation set, by volume if the set has volumes.

            Examples:
              vmunet compare --networks vmunet-small,unet,malunet --seeds 1,2,3 --data ISIC17 --dataset isic17 --epochs 50 --runs runs/compare
              vmunet compare --networks vmunet-tiny,ultralight-vm-unet --data cells --image-size 128 --minutes 20 --runs runs/cells
            """)

    @Option(help: "Networks, separated by commas: \(ComparisonGrid.names.joined(separator: ", ")).")
    var networks: String

    @Option(help: "Seeds, separated by commas.")
    var seeds = "1,2,3"

    @Option(help: "Train each run for the epochs that fit into this many minutes, measured at the start, instead of --epochs.")
    var minutes: Double?

    @Option(help: "A configuration in YAML that all networks share.")
    var config: String?

    @OptionGroup var output: GridOptions

    @OptionGroup var options: TrainingOptions

    @OptionGroup var telling: OutputOptions

    var computing: ComputeOptions? { options.compute }

    /// Rows of the picture: the best, the worst and those between.
    private static let rows = 5

    private var names: [String] { networks.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }

    func validate() throws {
        guard options.kind == nil, options.seed == nil else {
            throw ValidationError("give --networks and --seeds, not --network and --seed")
        }
        guard options.initialWeights == nil else {
            throw ValidationError("--init fits one kind of network: compare trains from random weights")
        }
        guard minutes == nil || options.epochs == nil else { throw ValidationError("give --epochs or --minutes") }
        if let minutes, !(minutes > 0 && minutes <= 100_000) { throw ValidationError("--minutes: expected more than 0, got \(minutes)") }
        guard Set(names).count == names.count, !names.isEmpty else {
            throw ValidationError("--networks: expected different networks, got \(networks)")
        }
        for name in names where !ComparisonGrid.names.contains(name) {
            throw ValidationError("--networks: expected some of \(ComparisonGrid.names.joined(separator: ", ")), got \(name)")
        }
        _ = try parsedSeeds()
    }

    private func parsedSeeds() throws -> [UInt64] {
        let numbers = seeds.split(separator: ",").map { UInt64($0.trimmingCharacters(in: .whitespaces)) }
        let known = numbers.compactMap { $0 }
        guard known.count == numbers.count, !known.isEmpty, Set(known).count == known.count else {
            throw ValidationError("--seeds: expected different whole numbers such as 1,2,3, got \(seeds)")
        }
        return known
    }

    func run() throws {
        try options.prepare()
        let (base, seeds, folder) = (try options.base(config), try parsedSeeds(), output.folder)
        var comparison = try ComparisonGrid(base, networks: names, seeds: seeds)
        if let minutes, !output.dryRun {
            let epochs = try ComparisonRunner.epochs(within: minutes, comparison, in: folder, note: Console.note)
            comparison = try ComparisonGrid(base, networks: names, seeds: seeds, epochs: epochs)
        }
        let runner = ComparisonRunner(comparison, in: folder, compileGraph: options.compute.compileGraph)
        output.announce(comparison.grid, try runner.states())
        if output.dryRun { return }
        let stop = StopSignal()
        let display = TrainingDisplay()
        let result = try runner.run(shouldStop: { stop.isSet }) { display.show($0) }
        Console.status("")
        if !result.isInterrupted { try draw(comparison, runner) }
        try output.finish(
            result, markdown: result.markdown, isInterrupted: result.isInterrupted,
            hasFailed: result.rows.contains { $0.missing > 0 })
    }

    /// Draws some validation pictures with every network of the first seed, from the one on which
    /// the networks agree most with the truth to the one on which they do least.
    private func draw(_ comparison: ComparisonGrid, _ runner: ComparisonRunner) throws {
        let found = try runner.figure(rows: Self.rows)
        guard var figure = try found.map({ try ComparisonFigure($0.set, samples: $0.samples, networks: $0.networks.map(\.name)) }),
            let networks = found?.networks
        else { return }
        for network in networks {
            try figure.add(network.segmenter())
        }
        try PictureFile.write(figure.drawn(), to: runner.folder.appending(path: "comparison.png"))
    }
}
