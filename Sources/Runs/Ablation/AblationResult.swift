import Files
import Foundation
import Segmentation
import VMUNet

/// A grid's results: the paper's table with measured scores, beside the paper's own where they
/// compare.
public struct AblationResult: Sendable, Codable, Equatable {
    /// A cell's progress.
    public enum State: String, Sendable, Codable {
        case pending, interrupted, finished, failed
    }

    /// One cell of the grid.
    public struct Row: Sendable, Codable, Equatable {
        /// The run's folder within the grid's.
        public let run: String
        /// The variant of each axis.
        public let labels: [String]
        /// The cell's progress.
        public let state: State
        /// Scores of the kept epoch, the one with the least validation loss.
        public let scores: BinaryScores?
        /// The kept epoch's validation loss.
        public let validationLoss: Double?
        /// The kept epoch, from 1.
        public let bestEpoch: Int?
        /// Finished epochs, and how many there are in all.
        public let epochs: Int
        /// Epochs of the whole run.
        public let ofEpochs: Int
        /// Trained values; nil for networks other than VM-UNet before training.
        public let parameters: Int?
        /// Multiply-adds at this cell's input size, counted as in the paper; nil for other
        /// networks.
        public let paperFLOPs: Int?
        /// The paper's mIoU and DSC, in percent.
        public let paper: PaperTable.Scores?

        private enum CodingKeys: String, CodingKey {
            case run, labels, state, scores, validationLoss = "val_loss", bestEpoch = "best_epoch", epochs, ofEpochs = "of_epochs",
                parameters
            case paperFLOPs = "flops_paper", paper
        }
    }

    /// The grid's title.
    public let title: String
    /// The paper's table that the grid repeats.
    public let table: PaperTable?
    /// The data set of all cells.
    public let dataset: Dataset
    /// The axes' names, the table's first columns.
    public let axes: [String]
    /// The settings that all cells share.
    public let settings: [String]
    /// The differences of the shared settings from the paper's. The paper's scores mean little
    /// without them.
    public let differences: [String]
    /// The cells, in the grid's order.
    public let rows: [Row]
    /// The paper's rows that were not run.
    public let missing: [String]
    /// True if the grid was stopped before its end.
    public package(set) var isInterrupted = false

    private enum CodingKeys: String, CodingKey {
        case title, table, dataset, axes, settings, differences, rows, missing, isInterrupted = "interrupted"
    }

    /// Gathers the results in the cells' folders.
    package init(_ grid: AblationGrid, in folder: URL, states: [State]) throws {
        let base = grid.base
        (title, table, dataset, axes) = (grid.title, grid.table, base.data.dataset, grid.axes.map(\.name))
        let varied = Set(grid.axes.flatMap(\.variants).flatMap(\.settings).map(\.key))
        (settings, differences) = (base.described(without: varied), grid.table == nil ? [] : base.differences(without: varied))
        missing = grid.table.map { table in table.labels.filter { label in !grid.cells.contains { $0.labels == [label] } } } ?? []
        rows = try zip(grid.cells, states).map { cell, state in
            let run = RunFolder(existing: folder.appending(path: cell.name))
            let epochs = state == .pending ? [] : try run.epochs()
            let best = epochs.last(where: \.isBest)
            return Row(
                run: cell.name, labels: cell.labels, state: state, scores: best?.scores, validationLoss: best?.validationLoss,
                bestEpoch: best?.epoch, epochs: epochs.last?.epoch ?? 0, ofEpochs: cell.configuration.epochs,
                parameters: run.parameterCount(cell.configuration), paperFLOPs: cell.configuration.paperFLOPs,
                paper: grid.table.flatMap { $0.figures(cell.labels[0], on: base.data.dataset) })
        }
    }

    /// Writes `ablation.md` and `ablation.json`, each whole or not at all.
    package func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(Array(encoder.encode(self) + Data("\n".utf8)), to: folder.appending(path: "ablation.json"))
        try AtomicFile.write(Array(markdown.utf8), to: folder.appending(path: "ablation.md"))
    }

    /// The table as Markdown, scores in percent.
    public var markdown: String {
        let hasPaper = rows.contains { $0.paper != nil }
        let hasSizes = table == .architecture || Set(rows.map(\.parameters)).count > 1
        let columns =
            axes + (hasSizes ? ["parameters", "FLOPs"] : []) + BinaryMetric.all.map { $0.title + "%" }
            + (hasPaper ? ["paper's mIoU%", "paper's DSC%"] : []) + ["kept epoch", "state"]
        var lines = [
            "# \(title.prefix(1).uppercased() + title.dropFirst())", "",
            "Data set: \(dataset.rawValue). " + settings.joined(separator: ", ") + ".", "",
        ]
        lines.append(Self.line(columns))
        lines.append(Self.line(columns.map { axes.contains($0) || $0 == "state" ? "---" : "---:" }))
        for row in rows {
            let scores = row.scores
            let measured = BinaryMetric.all.map { scores?[$0] }
            let state =
                row.state == .finished ? "done" : row.state == .interrupted ? "\(row.epochs) of \(row.ofEpochs) epochs" : row.state.rawValue
            lines.append(
                Self.line(
                    row.labels + (hasSizes ? [Self.scaled(row.parameters, 1e6, "M"), Self.scaled(row.paperFLOPs, 1e9, "G")] : [])
                        + measured.map { Self.number($0.map { $0 * 100 }) }
                        + (hasPaper ? [Self.number(row.paper?.miou), Self.number(row.paper?.dsc)] : [])
                        + [row.bestEpoch.map { "\($0) of \(row.ofEpochs)" } ?? "–", state]))
        }
        for label in missing { lines.append(Self.line([label] + Array(repeating: "–", count: columns.count - 2) + ["not run"])) }
        if hasPaper, !differences.isEmpty {
            lines += [
                "", "The paper used other settings, so its figures compare only roughly: " + differences.joined(separator: "; ") + ".",
            ]
        } else if table != nil, !hasPaper {
            lines += ["", "The paper has no figures for this data set."]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ cells: [String]) -> String {
        "| " + cells.map { $0.replacing("|", with: "\\|").replacing("\n", with: " ") }.joined(separator: " | ") + " |"
    }
    private static func number(_ value: Double?) -> String { value.map { String(format: "%.2f", $0) } ?? "–" }
    private static func scaled(_ value: Int?, _ unit: Double, _ letter: String) -> String {
        value.map { String(format: "%.2f%@", Double($0) / unit, letter) } ?? "–"
    }
}

extension RunConfiguration {
    /// The settings that a table's reader needs, without the varied ones.
    fileprivate func described(without varied: Set<String>) -> [String] {
        facts.filter { varied.isDisjoint(with: $0.keys) && !$0.text.hasPrefix("its own") }.map(\.text)
    }

    /// The differences from the paper's own settings for the data set.
    fileprivate func differences(without varied: Set<String>) -> [String] {
        var published = RunConfiguration(data.dataset)
        published.initialWeights = "VMamba-S"
        return zip(facts, published.facts).filter { ours, theirs in
            ours.text != theirs.text && varied.isDisjoint(with: ours.keys) && ours.compares
        }
        .map { ours, theirs in "\(ours.text), not \(theirs.text)" }
    }

    private struct Fact {
        let keys: [String]
        let text: String
        var compares = true
    }

    /// The preset with these channels and states, regardless of its blocks.
    private static func channelPreset(_ sizes: VMUNetConfiguration) -> String? {
        VMUNetConfiguration.Preset.allCases.first { $0.sizes.dims == sizes.dims && $0.sizes.stateSize == sizes.stateSize }?.rawValue
    }

    private static func list(_ values: [Int]) -> String { values.map(String.init).joined(separator: ",") }

    private var facts: [Fact] {
        // Facts of two configurations are compared one by one: each has all of them.
        let sizes = vmunet
        return [
            Fact(
                keys: ["network.name", "network.preset", "network.dims", "network.state_size"],
                text: sizes.map { sizes in
                    Self.channelPreset(sizes).map { "\($0) network" } ?? "a network of \(sizes.dims[0]) channels"
                } ?? "the network \(network.name)"),
            Fact(
                keys: ["network.name", "network.preset", "network.depths", "network.decoder_depths"],
                text: sizes.map { "\(Self.list($0.depths))-\(Self.list($0.decoderDepths)) blocks" } ?? "its own blocks"),
            Fact(
                keys: ["initial_weights"],
                text: initialWeights.map { "from \(($0 as NSString).lastPathComponent)" } ?? "from random initial weights",
                // A file's name does not tell whether it is the paper's.
                compares: initialWeights == nil),
            Fact(keys: ["data.image_size"], text: "\(data.imageSize)×\(data.imageSize)"),
            Fact(keys: ["epochs"], text: "\(epochs) epochs"),
            Fact(keys: ["batch_size", "accumulate"], text: "batch \(batchSize * accumulate)"),
            Fact(keys: ["optimizer.name", "optimizer.learning_rate"], text: "\(optimizer.name.rawValue) at \(optimizer.learningRate)"),
            Fact(keys: ["schedule.name"], text: schedule.name + " schedule"),
            Fact(keys: ["network.name", "network.drop_path"], text: sizes.map { "drop path \($0.dropPath)" } ?? "its own drop path"),
            Fact(keys: ["data.augment"], text: data.augment ? "augmented" : "not augmented"),
            Fact(keys: ["precision"], text: precision.rawValue, compares: precision != .fp32),
            Fact(keys: ["seed"], text: "seed \(seed)", compares: false),
        ]
    }
}
