import Foundation
import TensorFiles
import Testing

extension ToolTests {
    @Suite struct TrainTests {
        private func train(_ arguments: String..., data: URL = Shared.discs, run: URL) throws -> Tool.Outcome {
            try Tool.run(["train", "--data", data.path, "--dataset", "folder", "--run", run.path] + Shared.smallest + arguments)
        }

        /// Thirty steps on 48 pictures must find the discs in unseen pictures. All foreground would
        /// have an mIoU of 0.2, all background 0.
        @Test func learns() throws {
            expectDone(try #require(Shared.learned.outcome))
            let epochs = try metrics(Shared.learned.folder).filter { $0["kind"] as? String == "epoch" }
            let losses = epochs.compactMap { $0["val_loss"] as? Double }
            #expect(losses.count == 5)
            #expect(try #require(losses.min()) < 0.75 * losses[0])
            let best = try #require(epochs.last { $0["best"] as? Bool == true })
            #expect(try #require(best["miou"] as? Double) > 0.4)

            // The file of the best weights is from that epoch.
            let scores = try json(
                Tool.run("evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset", "folder", "--json", "-")
                    .out)
            let pooled = try #require(scores["pooled"] as? [String: Double])
            #expect(abs(try #require(pooled["miou"]) - (try #require(best["miou"] as? Double))) < 1e-6)
        }

        /// A finished run, resumed, only tells how it ended.
        @Test func theResultAsJSON() throws {
            let outcome = try Tool.run("train", "--resume", "--run", Shared.learned.folder.path, "--json", "--quiet")
            expectDone(outcome)
            let result = try json(outcome.out), best = try #require(result["best"] as? [String: Any])
            #expect(result["outcome"] as? String == "finished" && result["epochs"] as? Int == 5 && outcome.error.isEmpty)
            let weights = try #require(result["weights"] as? String)
            #expect(weights.hasSuffix("checkpoints/best.safetensors"))
            #expect(try #require(best["miou"] as? Double) > 0.4)
        }

        @Test func whatARunLeaves() throws {
            let run = Shared.learned.folder
            #expect(names(run.appending(path: "checkpoints")) == ["best.safetensors", "last.safetensors"])
            let lines = try metrics(run)
            let steps = lines.filter { $0["kind"] as? String == "step" }
            #expect(steps.map { $0["epoch"] as? Int } == (1...5).flatMap { epoch in (1...6).map { _ in epoch } })
            #expect(steps.map { $0["step"] as? Int } == (1...5).flatMap { _ in (1...6).map { $0 } })
            #expect(steps.allSatisfy { ($0["loss"] as? Double ?? .nan) > 0 && ($0["lr"] as? Double ?? .nan) > 0 })
            let epochs = lines.filter { $0["kind"] as? String == "epoch" }
            #expect(epochs.map { $0["epoch"] as? Int } == [1, 2, 3, 4, 5])
            for key in ["train_loss", "val_loss", "lr", "seconds", "miou", "dsc", "accuracy"] {
                #expect(epochs.allSatisfy { $0[key] is Double || $0[key] is Int }, "\(key)")
            }
            let settings = try text(run.appending(path: "config.yaml"))
            #expect(settings.contains("preset: tiny") && settings.contains("learning_rate: 0.004") && settings.contains("augment: false"))
            #expect(try #require(Shared.learned.outcome).out.isEmpty)
            #expect(try #require(Shared.learned.outcome).error.contains("epoch   5"))
        }

        @Test func theSameSeedTheSameWeights() throws {
            let (folder, data) = (try Scratch.folder(), try Discs.folder())
            var files: [Data] = []
            for (name, options) in [("a", []), ("b", []), ("c", ["--seed", "7"]), ("d", ["--workers", "3"])] as [(String, [String])] {
                let run = folder.appending(path: name)
                expectDone(
                    try Tool.run(
                        ["train", "--data", data.path, "--dataset", "folder", "--run", run.path, "--epochs", "1"] + Shared.smallest
                            + options))
                files.append(try Data(contentsOf: run.appending(path: "checkpoints/best.safetensors")))
            }
            #expect(files[0] == files[1] && files[0] == files[3])
            #expect(files[0] != files[2])
        }

        @Test func settingsFromAFile() throws {
            let (folder, data) = (try Scratch.folder(), try Discs.folder())
            let first = folder.appending(path: "first")
            expectDone(try train("--epochs", "1", data: data, run: first))
            let again = folder.appending(path: "again")
            expectDone(try Tool.run("train", "--config", first.appending(path: "config.yaml").path, "--run", again.path))
            let weights = [first, again].map { try? Data(contentsOf: $0.appending(path: "checkpoints/best.safetensors")) }
            #expect(weights[0] != nil && weights[0] == weights[1])
            expectRefusal(
                try Tool.run("train", "--config", folder.appending(path: "none.yaml").path, "--run", again.path), naming: "none.yaml")
        }

        /// Settings that only the set can judge are still the file's fault, reported with their
        /// line.
        @Test func settingsThatDoNotFitTheSet() throws {
            let folder = try Scratch.folder()
            let set = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../SegmentationTests/Fixtures/SynapseSet")
            let settings = folder.appending(path: "settings.yaml")
            let run = folder.appending(path: "run")
            let arguments = [
                "train", "--config", settings.path, "--data", set.standardizedFileURL.path, "--run", run.path, "--dims", "12,24,48,96",
                "--depths", "1,1,1,1", "--decoder-depths", "1,1,1,1", "--image-size", "32",
            ]
            try Data("data: {dataset: synapse}\nepochs: 1\nloss:\n  class_weights: [1, 2, 1]\n".utf8).write(to: settings)
            expectRefusal(try Tool.run(arguments), naming: "settings.yaml:4", "loss.class_weights", "4 numbers")
            #expect(!exists(run))
            try Data("data: {dataset: synapse}\nepochs: 1\nloss:\n  class_weights: [0, 1, 2, 1]\n".utf8).write(to: settings)
            expectDone(try Tool.run(arguments))
        }

        @Test func beginsFromWeights() throws {
            let (folder, data) = (try Scratch.folder(), try Discs.folder())
            let first = folder.appending(path: "first")
            expectDone(try train("--epochs", "1", data: data, run: first))
            let best = first.appending(path: "checkpoints/best.safetensors").path
            let outcome = try train("--epochs", "1", "--init", best, data: data, run: folder.appending(path: "second"))
            expectDone(outcome)
            #expect(outcome.error.contains("131 tensors filled, 0 left"))

            // Another preset's weights: one bias would fit, which is not worth a training run.
            let third = folder.appending(path: "third")
            let refused = try Tool.run(
                "train", "--data", data.path, "--dataset", "folder", "--preset", "tiny", "--image-size", "64", "--run", third.path,
                "--init", best)
            expectRefusal(refused, naming: best, "shapes")
            #expect(!exists(third))
        }

        @Test(arguments: [
            ["--image-size", "48"], ["--lr", "nan"], ["--epochs", "0"], ["--batch-size", "0"], ["--dims", "8,16,32"],
            ["--dims", "8,16,32,65"],
            ["--preset", "huge"], ["--drop-path", "1"], ["--classes", "0"], ["--state-size", "0"], ["--workers", "-1"],
            ["--epochs", "many"], ["--patch-size", "48"], ["--patch-size", "64", "--image-size", "64"],
        ])
        func usage(options: [String]) throws {
            let run = try Scratch.folder().appending(path: "run")
            let outcome = try Tool.run(["train", "--data", Shared.discs.path, "--dataset", "folder", "--run", run.path] + options)
            #expect(outcome.code == 64, "\(outcome.error)")
            #expect(outcome.out.isEmpty && !outcome.error.isEmpty && !exists(run))
        }

        @Test func whatIsMissing() throws {
            expectRefusal(try Tool.run("train", "--dataset", "folder"), 64, naming: "--data is needed", "train --help")
            expectRefusal(try Tool.run("train", "--data", Scratch.folder().path), 64, naming: "--dataset is needed")
            expectRefusal(try Tool.run("train", "--data", "nowhere"), naming: "nowhere", "check the path")
            expectRefusal(try Tool.run("train", "--resume"), 64, naming: "--run")
            expectRefusal(
                try Tool.run("train", "--resume", "--run", Scratch.root.appending(path: "nowhere").path), naming: "it holds no run")
        }

        /// A diverging run stops at the first loss that is not finite, says where, and leaves the
        /// previous epoch's checkpoint.
        @Test func aLossThatIsNotFinite() throws {
            let (folder, data) = (try Scratch.folder(), try Discs.folder())
            let run = folder.appending(path: "run")
            expectDone(try train("--epochs", "1", data: data, run: run))
            let last = run.appending(path: "checkpoints/last.safetensors")
            let before = try Data(contentsOf: last)

            let file = run.appending(path: "config.yaml")
            let settings = try text(file).replacing("learning_rate: 0.001", with: "learning_rate: 1.0e+30").replacing(
                "epochs: 1", with: "epochs: 3")
            try Data(settings.utf8).write(to: file)
            let outcome = try Tool.run("train", "--resume", "--run", run.path)
            #expect(outcome.code == 70)
            for word in ["not a number", "epoch 2", "step 2", "disc_0", "layers.0", "config.yaml", "--resume"] {
                #expect(outcome.error.contains(word), "\(outcome.error)")
            }
            #expect(try Data(contentsOf: last) == before)
            for (key, tensor) in try WeightsFile.read(last) { #expect(tensor.floats.allSatisfy { $0.isFinite }, "\(key)") }

            // The remedy that it names works.
            try Data(settings.replacing("learning_rate: 1.0e+30", with: "learning_rate: 0.0001").utf8).write(to: file)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            #expect(try metrics(run).filter { $0["kind"] as? String == "epoch" }.count == 3)
        }

        /// The last step of an epoch ruins the weights: validation notices, and they are not saved.
        @Test func weightsThatValidationFindsSpoilt() throws {
            let run = try Scratch.folder().appending(path: "run")
            let outcome = try train("--epochs", "1", "--batch-size", "8", "--lr", "1e30", data: try Discs.folder(), run: run)
            #expect(outcome.code == 70)
            for word in ["validating", "epoch 1", "disc_0", "layers."] { #expect(outcome.error.contains(word), "\(outcome.error)") }
            #expect(names(run.appending(path: "checkpoints")).isEmpty)
        }
    }
}
