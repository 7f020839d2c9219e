import Foundation
import Testing

extension ToolTests {
    @Suite struct CrossValidateTests {
        /// Killed in its second fold and started again: the results of an undisturbed one, and a
        /// mask for each picture.
        @Test func killedAndContinued() throws {
            let folder = try Discs.folder(train: 8, validation: 0)
            let groups = folder.appending(path: "groups.csv")
            let table = (0..<8).map { String(format: "disc_%02d.png,%d", $0, $0 / 2) }
            try Data((["picture,patient"] + table).joined(separator: "\n").utf8).write(to: groups)
            func arguments(_ runs: String) -> [String] {
                ["crossvalidate", "--data", folder.path, "--dataset", "folder", "--folds", "2", "--groups", groups.path, "--epochs", "2"]
                    + Shared.smallest + ["--runs", folder.appending(path: runs).path]
            }
            let whole = try Tool.run(arguments("whole") + ["--json"])
            expectDone(whole)
            let running = try Running(try #require(Tool.binary), arguments("parts"))
            let second = folder.appending(path: "parts/fold-1/metrics.jsonl")
            while running.isRunning, !exists(second) { usleep(500) }
            running.send(SIGKILL)
            #expect(try running.outcome().signal == SIGKILL)
            let parts = try Tool.run(arguments("parts") + ["--json"])
            expectDone(parts)
            #expect(parts.out == whole.out)

            let folds = try #require(try json(whole.out)["folds"] as? [[String: Any]])
            #expect(folds.compactMap { $0["count"] as? Int } == [4, 4])
            #expect(names(folder.appending(path: "whole/out-of-fold")) == (0..<8).map { String(format: "disc_%02d.png", $0) })
            for name in names(folder.appending(path: "whole/out-of-fold")) {
                let files = ["whole", "parts"].map { folder.appending(path: "\($0)/out-of-fold/\(name)") }
                #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]))
            }
            // The folder stands for its folds' weights, a fold's for its own.
            let picture = Shared.discs.appending(path: "val/images")
            func predict(_ weights: [String], _ name: String) throws -> Tool.Outcome {
                try Tool.run(
                    ["predict", picture.path, "--probabilities", "--output", folder.appending(path: name).path]
                        + weights.flatMap { ["--weights", folder.appending(path: $0).path] })
            }
            let ensemble = try predict(["whole"], "together")
            expectDone(ensemble)
            #expect(ensemble.error.contains("ensemble with"))
            expectDone(try predict((0..<2).map { "whole/fold-\($0)/checkpoints/best.safetensors" }, "named"))
            expectDone(try predict(["whole/fold-1"], "single"))
            let masks = names(folder.appending(path: "named")).filter { $0.hasSuffix(".png") }
            #expect(!masks.isEmpty)
            var differs = false
            for mask in masks {
                let bytes = try ["together", "named", "single"].map { try Data(contentsOf: folder.appending(path: "\($0)/\(mask)")) }
                #expect(bytes[0] == bytes[1])
                differs = differs || bytes[0] != bytes[2]
            }
            #expect(differs)
            let record = folder.appending(path: "whole/crossvalidation.json")
            let text = try String(contentsOf: record, encoding: .utf8)
            try Data(text.replacing("\"finished\"", with: "\"interrupted\"", maxReplacements: 1).utf8).write(to: record)
            expectRefusal(try predict(["whole"], "open"), naming: "fold 0 is not finished")
            try Data(text.replacing("fold-0", with: "../fold-0").utf8).write(to: record)
            expectRefusal(try predict(["whole"], "open"), naming: "is no record of a cross-validation")
            expectRefusal(try predict([""], "open"), naming: "neither checkpoints/best.safetensors")
            // A fold of it is a run like any other.
            let alone = folder.appending(path: "alone")
            expectDone(
                try Tool.run(
                    ["train", "--data", folder.path, "--dataset", "folder", "--fold", "1/2", "--groups", groups.path, "--epochs", "2"]
                        + Shared.smallest + ["--run", alone.path]))
            #expect(
                try Data(contentsOf: alone.appending(path: "checkpoints/best.safetensors"))
                    == Data(contentsOf: folder.appending(path: "whole/fold-1/checkpoints/best.safetensors")))
        }

        @Test func refusals() throws {
            let folder = try Discs.folder(train: 4, validation: 0)
            let start = ["crossvalidate", "--data", folder.path, "--dataset", "folder", "--runs", folder.appending(path: "runs").path]
            #expect(try Tool.run(start + ["--folds", "1"]).code == 64)
            #expect(try Tool.run(start + ["--groups", "x.csv", "--group-pattern", "a"]).code == 64)
            expectRefusal(try Tool.run(start + ["--folds", "5"] + Shared.smallest), naming: "too few for 5 folds")
            expectRefusal(try Tool.run(start + ["--folds", "2", "--groups", "no.csv"] + Shared.smallest), naming: "no.csv")
            #expect(!exists(folder.appending(path: "runs")))
        }
    }
}
