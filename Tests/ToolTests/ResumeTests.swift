import Foundation
import TensorFiles
import Testing

extension ToolTests {
    /// Runs that are killed, interrupted, or refused.
    @Suite struct ResumeTests {
        /// Moments at which to end a run, as soon as `metrics.jsonl` shows them.
        enum Moment: String, CaseIterable, Sendable {
            case start, firstStep, middleOfFirstEpoch, validationOfFirstEpoch, endOfFirstEpoch, middleOfSecondEpoch,
                validationOfSecondEpoch, endOfSecondEpoch

            /// The lines of steps and epochs at that moment.
            var lines: (steps: Int, epochs: Int) {
                switch self {
                case .start: (0, 0)
                case .firstStep: (1, 0)
                case .middleOfFirstEpoch: (3, 0)
                case .validationOfFirstEpoch: (6, 0)
                case .endOfFirstEpoch: (6, 1)
                case .middleOfSecondEpoch: (9, 1)
                case .validationOfSecondEpoch: (12, 1)
                case .endOfSecondEpoch: (12, 2)
                }
            }
        }

        private static let epochs = 3
        private static let discs: URL = {
            let folder = Scratch.root.appending(path: "resume-set")
            try? Discs.write(train: 24, validation: 16, to: folder)
            return folder
        }()
        /// Augmentation of every kind, stochastic depth and averaged weights: all that a resumed run
        /// must draw alike.
        private static let arguments: [String] = {
            let file = Scratch.root.appending(path: "resume.yaml")
            try? Data("{epochs: \(epochs), ema_decay: 0.9, schedule: {name: cosine_annealing, t_max: 3}, loss: {boundary: 0.01}}".utf8)
                .write(to: file)
            return ["train", "--config", file.path, "--data", discs.path, "--dataset", "folder"] + Shared.smallest
                + ["--augmentation", "scale=0.2,color=0.1,brightness=0.2,contrast=0.2,gamma=0.3,noise=0.05,blur=1,elastic=20"]
        }()
        /// The same run, undisturbed.
        private static let undisturbed: (folder: URL, outcome: Tool.Outcome?) = {
            let folder = Scratch.root.appending(path: "undisturbed")
            return (folder, try? Tool.run(arguments + ["--run", folder.path]))
        }()

        /// Starts or resumes a run, and sends the signal at the given moment.
        private func disturb(_ run: URL, at moment: Moment, _ signal: Int32, resuming: Bool = false) throws -> Tool.Outcome {
            let arguments = resuming ? ["train", "--resume", "--run", run.path] : Self.arguments + ["--run", run.path]
            let running = try Running(try #require(Tool.binary), arguments)
            while running.isRunning {
                let log = (try? text(run.appending(path: "metrics.jsonl"))) ?? ""
                let steps = log.split(separator: "\n").count { $0.contains("\"kind\":\"step\"") }
                let epochs = log.split(separator: "\n").count { $0.contains("\"kind\":\"epoch\"") }
                if steps >= moment.lines.steps, epochs >= moment.lines.epochs, exists(run.appending(path: "config.yaml")) { break }
                usleep(500)
            }
            running.send(signal)
            return try running.outcome()
        }

        /// Expects weights, optimiser, averages and best weights bit for bit as in the undisturbed
        /// run, and every step and epoch logged once with the same loss.
        private func expectAsUndisturbed(_ run: URL) throws {
            expectDone(try #require(Self.undisturbed.outcome))
            for name in ["last", "best"] {
                let path = "checkpoints/\(name).safetensors"
                let (got, expected) = (
                    try WeightsFile.read(run.appending(path: path)), try WeightsFile.read(Self.undisturbed.folder.appending(path: path))
                )
                #expect(got.keys == expected.keys && expected.count > 100)
                #expect(got.metadata == expected.metadata)
                for (key, tensor) in expected where got[key] != tensor { Issue.record("\(name): \(key) differs") }
            }
            func lines(_ run: URL) throws -> [String] {
                try metrics(run).map { line in
                    ["kind", "epoch", "step", "loss", "lr", "train_loss", "val_loss"].map { "\($0)=\(line[$0] ?? "")" }.joined(
                        separator: " ")
                }
            }
            #expect(try lines(run) == lines(Self.undisturbed.folder))
            #expect(names(run.appending(path: "checkpoints")) == ["best.safetensors", "last.safetensors"])
        }

        @Test(arguments: Moment.allCases)
        func killedAndResumed(moment: Moment) throws {
            let run = try Scratch.folder().appending(path: "run")
            let outcome = try disturb(run, at: moment, SIGKILL)
            #expect(outcome.signal == SIGKILL)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            try expectAsUndisturbed(run)
        }

        @Test func killedAgainAndAgain() throws {
            let run = try Scratch.folder().appending(path: "run")
            for (index, moment) in [Moment.firstStep, .validationOfFirstEpoch, .endOfFirstEpoch, .middleOfSecondEpoch, .endOfSecondEpoch]
                .enumerated()
            {
                #expect(try disturb(run, at: moment, SIGKILL, resuming: index > 0).signal == SIGKILL)
            }
            // The remains of a kill during saving are removed.
            try Data(count: 1000).write(to: run.appending(path: "checkpoints/.last.safetensors.12345.tmp"))
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            try expectAsUndisturbed(run)
        }

        @Test(arguments: [
            (SIGTERM, Moment.start), (SIGINT, .middleOfFirstEpoch), (SIGTERM, .middleOfSecondEpoch), (SIGTERM, .validationOfFirstEpoch),
            (SIGINT, .endOfSecondEpoch),
        ])
        func interruptedAndResumed(signal: Int32, moment: Moment) throws {
            let run = try Scratch.folder().appending(path: "run")
            let outcome = try disturb(run, at: moment, signal)
            #expect(outcome.code == 130, "\(outcome.error)")
            #expect(outcome.error.contains("stopped and saved") && outcome.error.contains("--resume --run \(run.path)"))
            #expect(exists(run.appending(path: "checkpoints/last.safetensors")))
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            try expectAsUndisturbed(run)
        }

        /// A second signal ends a run at once, and not by a crash.
        @Test func interruptedTwice() throws {
            let folder = try Scratch.folder()
            for index in 0..<3 {
                let run = folder.appending(path: "run-\(index)")
                // Steps long enough to be interrupted within.
                let line = ["train", "--data", Self.discs.path, "--preset", "small", "--image-size", "128", "--device", "cpu"]
                let running = try Running(try #require(Tool.binary), line + ["--run", run.path])
                while running.isRunning, !exists(run.appending(path: "config.yaml")) { usleep(500) }
                usleep(300_000)
                // Steps of half a second and more: the second signal comes before the first has ended it.
                running.send(SIGINT)
                usleep(550_000)
                running.send(SIGTERM)
                let outcome = try running.outcome()
                #expect(outcome.code == 130 && outcome.signal == nil, "\(outcome.error)")
                #expect(outcome.error.contains("stopped at once") || outcome.error.contains("stopped and saved"))
            }
        }

        /// One Ctrl-C may arrive twice: from the terminal, and from a program around the tool.
        @Test func interruptedByAnEcho() throws {
            let run = try Scratch.folder().appending(path: "run")
            let line = ["train", "--data", Self.discs.path, "--preset", "small", "--image-size", "64", "--device", "cpu"]
            let running = try Running(try #require(Tool.binary), line + ["--run", run.path])
            while running.isRunning, !exists(run.appending(path: "config.yaml")) { usleep(500) }
            usleep(300_000)
            for _ in 0..<3 {
                running.send(SIGINT)
                usleep(20_000)
            }
            let outcome = try running.outcome()
            #expect(outcome.code == 130 && outcome.error.contains("stopped and saved"), "\(outcome.error)")
            #expect(exists(run.appending(path: "checkpoints/last.safetensors")))
        }

        /// Gradients accumulated over several batches are in no checkpoint, so an interruption
        /// waits for their step.
        @Test func interruptedWhileGatheringGradients() throws {
            let folder = try Scratch.folder()
            let file = folder.appending(path: "gather.yaml")
            try Data("{epochs: 2, accumulate: 3}".utf8).write(to: file)
            let arguments = ["train", "--config", file.path, "--data", Self.discs.path, "--dataset", "folder"] + Shared.smallest
            let (whole, run) = (folder.appending(path: "whole"), folder.appending(path: "run"))
            expectDone(try Tool.run(arguments + ["--run", whole.path]))
            let running = try Running(try #require(Tool.binary), arguments + ["--run", run.path])
            while running.isRunning, ((try? text(run.appending(path: "metrics.jsonl"))) ?? "").split(separator: "\n").count < 2 {
                usleep(500)
            }
            running.send(SIGTERM)
            #expect(try running.outcome().code == 130)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            let path = "checkpoints/last.safetensors"
            #expect(try Data(contentsOf: run.appending(path: path)) == Data(contentsOf: whole.appending(path: path)))
        }

        @Test func aFinishedRunStaysAsItIs() throws {
            let run = try Scratch.folder().appending(path: "run")
            expectDone(try #require(Self.undisturbed.outcome))
            try FileManager.default.copyItem(at: Self.undisturbed.folder, to: run)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            try expectAsUndisturbed(run)
        }

        @Test func theOptionsItBeganWithMayBeGivenAgain() throws {
            let run = try Scratch.folder().appending(path: "run")
            _ = try disturb(run, at: .middleOfSecondEpoch, SIGKILL)
            expectDone(try Tool.run(Self.arguments + ["--run", run.path, "--resume"]))
            try expectAsUndisturbed(run)
        }

        @Test func otherOptionsAreRefused() throws {
            let run = Self.undisturbed.folder
            expectDone(try #require(Self.undisturbed.outcome))
            for (options, setting) in [(["--lr", "0.5"], "learning_rate"), (["--preset", "tiny"], "preset"), (["--seed", "1"], "seed")] {
                expectRefusal(try Tool.run(["train", "--resume", "--run", run.path] + options), 64, naming: setting, "resumed")
            }
        }

        @Test func moreEpochsCanBeAskedFor() throws {
            let run = try Scratch.folder().appending(path: "run")
            expectDone(try #require(Self.undisturbed.outcome))
            try FileManager.default.copyItem(at: Self.undisturbed.folder, to: run)
            expectDone(try Tool.run("train", "--resume", "--run", run.path, "--epochs", "4"))
            #expect(try metrics(run).filter { $0["kind"] as? String == "epoch" }.count == 4)
            #expect(try text(run.appending(path: "config.yaml")).contains("epochs: 4"))
        }

        /// A mistyped folder must not get into the run's settings, where the next attempt would
        /// find it.
        @Test func dataThatAreNotThereChangeNothing() throws {
            let folder = try Scratch.folder()
            let run = folder.appending(path: "run")
            expectDone(try #require(Self.undisturbed.outcome))
            try FileManager.default.copyItem(at: Self.undisturbed.folder, to: run)
            let files = ["config.yaml", "metrics.jsonl", "checkpoints/last.safetensors", "checkpoints/best.safetensors"]
            let before = try files.map { try Data(contentsOf: run.appending(path: $0)) }
            let absent = folder.appending(path: "absent").path
            expectRefusal(try Tool.run("train", "--resume", "--run", run.path, "--data", absent, "--epochs", "5"), naming: "absent")
            #expect(try files.map { try Data(contentsOf: run.appending(path: $0)) } == before)
            expectDone(try Tool.run("train", "--resume", "--run", run.path, "--epochs", "4"))
        }

        @Test func aFolderThatHoldsAnotherRun() throws {
            expectDone(try #require(Self.undisturbed.outcome))
            let before = try Data(contentsOf: Self.undisturbed.folder.appending(path: "metrics.jsonl"))
            expectRefusal(
                try Tool.run(Self.arguments + ["--run", Self.undisturbed.folder.path]), naming: "it holds another run", "--resume")
            #expect(try Data(contentsOf: Self.undisturbed.folder.appending(path: "metrics.jsonl")) == before)
        }

        /// Two processes in one run's folder would overwrite each other's files.
        @Test func aRunThatGoesOnElsewhere() throws {
            let run = try Scratch.folder().appending(path: "run")
            let first = try Running(try #require(Tool.binary), Self.arguments + ["--epochs", "500", "--run", run.path])
            while first.isRunning, ((try? text(run.appending(path: "metrics.jsonl"))) ?? "").isEmpty { usleep(1000) }
            expectRefusal(try Tool.run("train", "--resume", "--run", run.path), naming: "another process is training in it")
            first.send(SIGTERM)
            #expect(try first.outcome().code == 130)
        }

        /// A line that a kill cut off, and a damaged checkpoint.
        @Test func damagedRuns() throws {
            let run = try Scratch.folder().appending(path: "run")
            expectDone(try #require(Self.undisturbed.outcome))
            try FileManager.default.copyItem(at: Self.undisturbed.folder, to: run)
            let log = run.appending(path: "metrics.jsonl")
            try (try Data(contentsOf: log) + Data(#"{"kind":"st"#.utf8)).write(to: log)
            // A finished run is left as it is; a longer one goes on after the last whole line.
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            expectDone(try Tool.run("train", "--resume", "--run", run.path, "--epochs", "4"))
            #expect(try metrics(run).filter { $0["kind"] as? String == "epoch" }.count == 4)

            let last = run.appending(path: "checkpoints/last.safetensors")
            try (try Data(contentsOf: last)).prefix(5000).write(to: last)
            expectRefusal(try Tool.run("train", "--resume", "--run", run.path), naming: "last.safetensors", "truncated")
            try FileManager.default.removeItem(at: last)
            try FileManager.default.copyItem(at: Shared.nineClasses, to: last)
            expectRefusal(try Tool.run("train", "--resume", "--run", run.path), naming: "last.safetensors", "weights only")
        }
    }
}
