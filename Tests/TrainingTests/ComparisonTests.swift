import Files
import Foundation
import Runs
import Segmentation
import TestSupport
import Testing

@testable import Training

extension TrainingSuites {
    @Suite("Comparisons")
    struct ComparisonTests {
        private func data() throws -> TemporaryFolder { try TemporaryFolder(train: 6, val: 4) }
        private let networks = ["malunet", "ultralight-vm-unet"]

        @Test func networksAndSeedsMakeTheRuns() throws {
            var base = RunConfiguration(.isic17, path: "data")
            base.schedule = .cosineAnnealing(tMax: 50)
            let comparison = try ComparisonGrid(base, networks: ["vmunet-tiny", "unet", "vmunet"], seeds: [1, 9], epochs: ["unet": 7])
            let cells = comparison.grid.cells
            #expect(
                cells.map(\.name) == [
                    "network-vmunet_tiny_seed-1", "network-vmunet_tiny_seed-9", "network-unet_seed-1", "network-unet_seed-9",
                    "network-vmunet_seed-1", "network-vmunet_seed-9",
                ])
            #expect(cells[0].configuration.vmunet?.preset == .tiny && cells[4].configuration.vmunet?.preset == .base)
            #expect(cells[2].configuration.network == .other(NetworkSettings("unet")) && cells[3].configuration.seed == 9)
            #expect(cells[2].configuration.epochs == 7 && cells[2].configuration.schedule == .cosineAnnealing(tMax: 7))
            #expect(cells[0].configuration.epochs == base.epochs && cells[0].configuration.schedule == base.schedule)
            #expect(throws: RunConfigurationError.self) { try ComparisonGrid(base, networks: ["resnet"], seeds: [1]) }
        }

        /// Every figure of the table is what the runs' weights score, and nothing is done twice.
        @Test func tablesSayWhatTheRunsScore() throws {
            let data = try data()
            let folder = data.url.appending(path: "runs")
            let comparison = try ComparisonGrid(.short(on: data.url), networks: networks, seeds: [1, 2])
            let runner = ComparisonRunner(comparison, in: folder)
            let result = try runner.run()
            #expect(
                result.rows.map(\.network) == networks && result.rows.allSatisfy { $0.seeds == [1, 2] && $0.missing == 0 }
                    && result.count == 4)
            #expect(result.rows.map(\.parameters) == [177_943, 49_457])
            #expect(result.rows.allSatisfy { $0.multiplyAdds > 100_000 && ($0.minutes?.mean ?? 0) > 0 && $0.epochs == 2 })
            var dice: [Double] = []
            for cell in comparison.cells(of: "malunet") {
                let segmenter = try Segmenter(weights: RunFolder(existing: folder.appending(path: cell.name)).best, networks: .torch)
                let set = try PairedFolder(data.url, split: "val", options: .init(size: 32))
                dice.append(try #require(try Evaluator(set).evaluate(segmenter.network).pooled.dsc))
            }
            let spread = try #require(result.rows[0].scores["dsc"])
            let mean = (dice[0] + dice[1]) / 2
            #expect(abs(spread.mean - mean) < 1e-6 && abs((spread.deviation ?? 0) - abs(dice[0] - dice[1]) / 2.0.squareRoot()) < 1e-6)
            let pair = try #require(result.pairs.first)
            let other = try #require(result.rows[1].scores["dsc"])
            #expect(result.pairs.count == 1 && abs(pair.difference.difference - (mean - other.mean)) < 1e-6)
            #expect(pair.difference.low <= pair.difference.difference && pair.difference.difference <= pair.difference.high)

            let saved = try JSONDecoder().decode(NetworkComparison.self, from: Data(contentsOf: folder.appending(path: "comparison.json")))
            #expect(saved == result)
            let table = try String(contentsOf: folder.appending(path: "comparison.md"), encoding: .utf8)
            #expect(table == result.markdown && table.contains("| malunet | 0.18 M |") && table.contains("Which differences are real"))
            // Four pictures tell nothing, however much they agree.
            #expect(table.contains("over 4 pictures (") && table.contains("4 are too few to tell"))
            #expect(table.contains("| too few pictures |"))
            #expect(!table.contains("| real |") && !table.contains("1 pairs"))
            let figure = try #require(try runner.figure(rows: 3))
            #expect(figure.networks.map(\.name) == networks && figure.samples.count == 3)

            var begun = 0
            let again = try runner.run(report: { progress in
                switch progress {
                case .training(.cell), .scoring: begun += 1
                default: break
                }
            })
            #expect(begun == 0 && again == result)
        }

        /// Stopped in a run, then killed before a run was scored: the tables are those of a
        /// comparison that was left alone.
        @Test func anInterruptedComparisonGoesOn() throws {
            let data = try data()
            let comparison = try ComparisonGrid(.short(on: data.url), networks: networks, seeds: [1])
            let whole = try ComparisonRunner(comparison, in: data.url.appending(path: "whole")).run()
            let runner = ComparisonRunner(comparison, in: data.url.appending(path: "parts"))
            var steps = 0
            let first = try runner.run(shouldStop: { steps >= 3 }) { if case .training(.training(.step)) = $0 { steps += 1 } }
            #expect(first.isInterrupted && first.rows.map(\.missing) == [1, 1] && first.pairs.isEmpty)
            #expect(try !runner.run().isInterrupted)
            try FileManager.default.removeItem(
                at: runner.folder.appending(path: comparison.grid.cells[0].name).appending(path: "comparison.json"))
            let last = try runner.run()
            #expect(last.pairs == whole.pairs && last.rows.map(\.scores) == whole.rows.map(\.scores))
        }

        /// A network's own settings, which its folder has in full, are not to blame.
        @Test func anotherSettingIsNamed() throws {
            let data = try data()
            let runner = ComparisonRunner(
                try ComparisonGrid(.short(on: data.url), networks: ["malunet"], seeds: [1]), in: data.url.appending(path: "runs"))
            _ = try runner.run()
            func refusal(_ change: (inout RunConfiguration) -> Void) throws -> String {
                var base = RunConfiguration.short(on: data.url)
                change(&base)
                let other = ComparisonRunner(try ComparisonGrid(base, networks: ["malunet"], seeds: [1]), in: runner.folder)
                return try #require(#expect(throws: FileError.self) { try other.run() }).reason
            }
            #expect(try refusal { $0.epochs = 3 } == "it holds a run with other settings (epochs: 2, not 3)")
            #expect(try refusal { $0.optimizer.learningRate = 0.5 }.hasSuffix(", not 0.5)"))
        }

        /// Table II is of Synapse's organs: beside another set's classes in the same layout it would
        /// mislead.
        @Test(arguments: [true, false]) func tableTwoStandsBesideItsOwnClasses(isSynapse: Bool) throws {
            let organs = (Dataset.synapse.layout.defaults.classNames ?? []).dropFirst()
            let columns = ["dice", "hd95"] + (isSynapse ? Array(organs) : ["myocardium"]).map { "dice of " + $0 }
            let row: [String: Any] = [
                "network": "unet", "seeds": [1], "missing": 0, "parameters": 1, "multiply_adds": 1, "epochs": 1, "scores": [:],
            ]
            let json: [String: Any] = [
                "title": "t", "dataset": "synapse", "columns": columns, "rows": [row], "pairs": [], "count": 1, "is_of_volumes": true,
            ]
            let compared = try JSONDecoder().decode(NetworkComparison.self, from: JSONSerialization.data(withJSONObject: json))
            #expect(compared.markdown.contains("76.85 | 39.70") == isSynapse)
            #expect(compared.markdown.contains("The paper trained longer") == isSynapse)
        }

        /// A budget is measured once and kept.
        @Test func minutesBecomeEpochs() throws {
            let data = try data()
            let folder = data.url.appending(path: "runs")
            let comparison = try ComparisonGrid(.short(on: data.url), networks: ["ultralight-vm-unet"], seeds: [1])
            let epochs = try ComparisonRunner.epochs(within: 0.5, comparison, in: folder) { _ in }
            #expect((epochs["ultralight-vm-unet"] ?? 0) >= 1)
            try Data(#"{"minutes": 0.5, "epochs": {"ultralight-vm-unet": 123}}"#.utf8).write(to: folder.appending(path: "budget.json"))
            #expect(try ComparisonRunner.epochs(within: 0.5, comparison, in: folder) { _ in } == ["ultralight-vm-unet": 123])
            #expect(throws: FileError.self) { try ComparisonRunner.epochs(within: 2, comparison, in: folder) { _ in } }
        }
    }
}
