import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import TestSupport
import Testing
import Torch
import VMUNet

@testable import Training

extension TrainingSuites {
    @Suite("Ablations: runs")
    struct AblationRunTests {
        /// Two cells of two epochs on the small set.
        private func smallGrid(epochs: Int = 2) throws -> AblationGrid {
            var base = try SynapseSet.configuration()
            base.epochs = epochs
            return try AblationGrid(
                title: "drop path", base: base,
                axes: [
                    .init(
                        "network.drop_path",
                        [.init("0.0", [.init("network.drop_path", "0.0")]), .init("0.5", [.init("network.drop_path", "0.5")])])
                ])
        }

        @Test func everyCellIsARunAndTheTableSaysWhatWasMeasured() throws {
            try withTemporaryFolder { folder in
                let grid = try smallGrid()
                let runner = AblationRunner(grid, in: folder.appending(path: "runs"))
                #expect(try grid.cells.map { try runner.state(of: $0) } == [.pending, .pending])
                let result = try runner.run()
                #expect(result.rows.map(\.state) == [.finished, .finished] && !result.isInterrupted && result.dataset == .synapse)
                for (row, cell) in zip(result.rows, grid.cells) {
                    let run = RunFolder(existing: runner.folder.appending(path: row.run))
                    #expect(try RunConfiguration(yamlFile: run.configuration) == cell.configuration)
                    let best = try #require(try run.epochs().last(where: \.isBest))
                    #expect(row.scores == best.scores && row.bestEpoch == best.epoch && row.validationLoss == best.validationLoss)
                }
                let saved = try JSONDecoder().decode(
                    AblationResult.self, from: Data(contentsOf: runner.folder.appending(path: "ablation.json")))
                #expect(saved == result)
                let table = try String(contentsOf: runner.folder.appending(path: "ablation.md"), encoding: .utf8)
                #expect(
                    table == result.markdown && table.contains("| network.drop_path |") && table.contains("| 0.5 |")
                        && !table.contains("paper"))

                // Nothing is trained twice.
                var trained = 0
                let again = try runner.run(report: { if case .cell = $0 { trained += 1 } })
                #expect(trained == 0 && again == result)
            }
        }

        /// A grid stopped in the middle of a cell continues there, and gives the same results as an
        /// uninterrupted one.
        @Test func anInterruptedGridGoesOn() throws {
            try withTemporaryFolder { folder in
                let grid = try smallGrid()
                let whole = try AblationRunner(grid, in: folder.appending(path: "whole")).run()
                let runner = AblationRunner(grid, in: folder.appending(path: "parts"))
                var steps = 0
                let first = try runner.run(shouldStop: { steps >= 4 }) { if case .training(.step) = $0 { steps += 1 } }
                #expect(first.isInterrupted && first.rows.map(\.state) == [.interrupted, .pending])
                #expect(first.markdown.contains("1 of 2 epochs") && first.markdown.contains("pending"))
                var states: [AblationResult.State] = []
                let second = try runner.run(report: { if case .cell(_, let state, _, _) = $0 { states.append(state) } })
                #expect(states == [.interrupted, .pending] && !second.isInterrupted && second.rows == whole.rows)
            }
        }

        /// Killed while saving the last epoch's checkpoint: the log has that epoch, the checkpoint
        /// does not.
        @Test func aKillWhileTheLastCheckpointIsSavedIsNoEnd() throws {
            try withTemporaryFolder { folder in
                let grid = try smallGrid()
                let whole = try AblationRunner(grid, in: folder.appending(path: "whole")).run()
                let parts = folder.appending(path: "parts")
                let runner = AblationRunner(grid, in: parts)
                let cell = RunFolder(existing: parts.appending(path: grid.cells[0].name))
                var before = Data()
                _ = try runner.run(report: { report in
                    guard case .training(.epoch(let record)) = report, record.epoch == 1, before.isEmpty else { return }
                    before = (try? Data(contentsOf: cell.last)) ?? Data()
                })
                let after = try Data(contentsOf: cell.last)
                #expect(!before.isEmpty && before != after)
                try before.write(to: cell.last)
                #expect(try runner.state(of: grid.cells[0]) == .interrupted)
                let again = try runner.run()
                #expect(again.rows == whole.rows)
                #expect(try Data(contentsOf: cell.last) == after)
                let checkpoints = cell.last.deletingLastPathComponent().path
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted() == ["best.safetensors", "last.safetensors"])
            }
        }

        /// Half-written files beside a finished run are removed as well.
        @Test func whatAKillLeavesBesideAFinishedRunIsRemoved() throws {
            try withTemporaryFolder { folder in
                let grid = try smallGrid()
                let runner = AblationRunner(grid, in: folder)
                _ = try runner.run()
                // In another place, because a process cleans a folder once.
                let moved = folder.appending(path: "moved")
                try FileManager.default.createDirectory(at: moved, withIntermediateDirectories: true)
                for cell in grid.cells {
                    try FileManager.default.copyItem(at: folder.appending(path: cell.name), to: moved.appending(path: cell.name))
                }
                let stray = moved.appending(path: grid.cells[1].name + "/checkpoints/.vmunet-9-k.tmp")
                try Data("half".utf8).write(to: stray)
                _ = try AblationRunner(grid, in: moved).run()
                #expect(!FileManager.default.fileExists(atPath: stray.path))
            }
        }

        /// Unusable initial weights are found before any run starts.
        @Test func initialWeightsAreLookedAtFirst() throws {
            try withTemporaryFolder { folder in
                var base = try SynapseSet.configuration()
                base.epochs = 1
                let file = folder.appending(path: "foreign.safetensors")
                try WeightsFile.write(StateDictionary([("head.weight", HostTensor([1, 2] as [Float], shape: [2]))]), to: file)
                let grid = try AblationGrid(
                    title: "t", base: base,
                    axes: [
                        .init(
                            "initial_weights",
                            [
                                .init("none", [.init("initial_weights", "null")]),
                                .init("foreign", [.init("initial_weights", "\"\(file.path)\"")]),
                            ])
                    ])
                let runner = AblationRunner(grid, in: folder.appending(path: "runs"))
                var cells = 0
                let error = try #require(throws: BadWeights.self) { try runner.run(report: { if case .cell = $0 { cells += 1 } }) }
                #expect(error.file.hasSuffix("foreign.safetensors") && cells == 0)
            }
        }

        @Test func filesOfOneNameAreToldApart() throws {
            let grid = try AblationGridTests.grid(
                """
                base: {data: {path: d}}
                axes:
                  initial_weights: [null, a/best.safetensors, b/best.safetensors, c/other.pth]
                """)
            #expect(grid.cells.map(\.labels) == [["–"], ["a/best.safetensors"], ["b/best.safetensors"], ["other.pth"]])
        }

        @Test func aRunWithOtherSettingsIsNotTakenForACell() throws {
            try withTemporaryFolder { folder in
                let runner = AblationRunner(try smallGrid(), in: folder)
                _ = try runner.run()
                let other = AblationRunner(try smallGrid(epochs: 3), in: folder)
                let error = try #require(throws: FileError.self) { try other.run() }
                #expect(error.reason.contains("(epochs: 2, not 3)") && error.file.hasSuffix("drop_path-0.0"))
                #expect(try RunFolder(existing: folder.appending(path: "drop_path-0.0")).epochs().count == 2)
            }
        }

        /// A run that stopped early is finished, though not all its epochs are.
        @Test func earlyStoppingIsAnEnd() throws {
            try withTemporaryFolder { folder in
                var base = try SynapseSet.configuration()
                (base.epochs, base.earlyStopping) = (50, 1)
                base.optimizer.learningRate = 10  // so that it does not improve
                base.clipNorm = 1
                let grid = try AblationGrid(title: "t", base: base, axes: [.init("seed", [.init("1", [.init("seed", "1")])])])
                let runner = AblationRunner(grid, in: folder)
                let result = try runner.run()
                #expect(result.rows[0].state == .finished && result.rows[0].epochs < 50)
                #expect(try runner.state(of: grid.cells[0]) == .finished)
            }
        }

        @Test func aCellThatDivergesDoesNotEndTheGrid() throws {
            try withTemporaryFolder { folder in
                let base = try SynapseSet.configuration()
                let grid = try AblationGrid(
                    title: "t", base: base,
                    axes: [
                        .init(
                            "rate",
                            [
                                .init("high", [.init("optimizer.learning_rate", "1e30")]),
                                .init("low", [.init("optimizer.learning_rate", "1e-3")]),
                            ])
                    ])
                let result = try AblationRunner(grid, in: folder).run()
                #expect(result.rows.map(\.state) == [.failed, .finished] && result.markdown.contains("failed"))
            }
        }

        /// The paper's figures are shown beside ours, with the differences; missing rows are
        /// listed.
        @Test func thePapersFiguresStandBesideOurs() throws {
            var base = RunConfiguration(.isic17, path: "data")
            base.vmunet = .tiny
            base.epochs = 30
            let grid = try PaperTable.initialWeights.grid(base)
            let result = try AblationResult(grid, in: URL(filePath: "/nowhere"), states: [.pending])
            #expect(result.rows[0].paper == .init(miou: 77.59, dsc: 87.38) && result.missing == ["VMamba-T", "VMamba-S"])
            #expect(result.differences == ["tiny network, not base network", "30 epochs, not 300 epochs"])
            let lines = result.markdown.split(separator: "\n")
            #expect(lines[0] == "# Table III: initial weights")
            let ours = String(repeating: " – |", count: BinaryMetric.all.count)
            #expect(lines.contains("| – |\(ours) 77.59 | 87.38 | – | pending |"))
            #expect(lines.contains { $0.hasPrefix("| VMamba-S |") && $0.hasSuffix("| not run |") })
            #expect(result.markdown.contains("not 300 epochs"))

            // Table V varies the blocks, not the channels, so other channels are reported.
            base.vmunet?.depths = [2, 2, 9, 2]
            let blocks = try AblationResult(
                try PaperTable.architecture.grid(base), in: URL(filePath: "/nowhere"), states: Array(repeating: .pending, count: 5))
            #expect(
                blocks.differences == [
                    "tiny network, not base network", "from random initial weights, not from VMamba-S", "30 epochs, not 300 epochs",
                ])
            let paths = try AblationResult(
                try PaperTable.dropPath.grid(base), in: URL(filePath: "/nowhere"), states: Array(repeating: .pending, count: 4))
            #expect(paths.differences.contains("2,2,9,2-2,2,2,1 blocks, not 2,2,2,2-2,2,2,1 blocks"))

            let other = try AblationResult(
                try PaperTable.dropPath.grid(RunConfiguration(.folder, path: "d")), in: URL(filePath: "/nowhere"),
                states: Array(repeating: .pending, count: 4))
            #expect(other.markdown.contains("no figures for this data set") && !other.markdown.contains("paper's mIoU"))
        }
    }
}
