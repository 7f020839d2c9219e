import ArgumentParser
import Commands
import Files
import Foundation
import Report
import Runs
import Segmentation
import Training

struct CrossValidate: ToolCommand {
    static let configuration = CommandConfiguration(
        commandName: "crossvalidate",
        abstract: "Train and score every fold of a set, and predict each picture with weights that have not seen it.",
        discussion: """
            The pictures of the part train, or of the whole set, are divided into folds by the seed; a part val takes no part. --groups and \
            --group-pattern keep the pictures of a patient or lesion in one fold. Each fold validates a run of its own in RUNS; the same command continues \
            an interrupted cross-validation bit for bit. RUNS/crossvalidation.md and .json hold each fold's scores, mean ± deviation, and the scores of \
            all pictures together; RUNS/out-of-fold holds their masks. The folds' networks together predict with predict --weights RUNS.

            Examples:
              vmunet crossvalidate --data lesions --folds 5 --groups lesions.csv --group-column patient --runs runs/lesions
              vmunet crossvalidate --data hearts --dataset nnunet --folds 5 --epochs 100 --runs runs/hearts
            """)

    @Option(help: "The number of folds.")
    var folds = 5

    @OptionGroup var groups: GroupOptions

    @Option(help: "Settings in YAML.")
    var config: String?

    @Flag(help: "Train without augmentation.")
    var noAugment = false

    @Flag(help: "Write no out-of-fold predictions.")
    var noPredictions = false

    @OptionGroup var output: GridOptions

    @OptionGroup var options: TrainingOptions

    @OptionGroup var files: DataOptions

    @OptionGroup var telling: OutputOptions

    var computing: ComputeOptions? { options.compute }

    func validate() throws { try Require.count(folds, "--folds", from: 2, upTo: 1024) }

    func run() throws {
        try options.prepare()
        let folder = output.folder
        let validation = try CrossValidation(base(), folds: folds, in: folder, compileGraph: options.compute.compileGraph)
        output.announce(validation.grid, try validation.states())
        if output.dryRun { return }
        let stop = StopSignal()
        let display = TrainingDisplay()
        let result = try validation.run(shouldStop: { stop.isSet }) { display.show($0) }
        if !noPredictions, !result.isInterrupted {
            let bar = WorkBar("predicting out of fold")
            let count = try validation.predictOutOfFold(shouldStop: { stop.isSet }) { bar.show($0) }
            Console.status("")
            Console.note("\(counted(count, "out-of-fold prediction")) in \(folder.appending(path: "out-of-fold").relativePath)")
        }
        Console.status("")
        try output.finish(
            result, markdown: result.markdown, isInterrupted: result.isInterrupted || stop.isSet,
            hasFailed: result.folds.contains { $0.state == .failed })
    }

    private func base() throws -> RunConfiguration {
        try options.base(config) { base in
            files.apply(to: &base.data)
            groups.apply(to: &base.data)
            if noAugment { base.data.augment = false }
        }
    }
}
