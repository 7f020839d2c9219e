import Foundation
import TensorFiles
import Testing

/// The tool built with the trait MPI, and the mpirun that starts it.
enum Cluster {
    static let binary = Tool.environment["VMUNET_MPI_BINARY"].map { URL(filePath: $0) }
    static let mpirun = (Tool.environment["PATH"] ?? "").split(separator: ":").map { URL(filePath: "\($0)/mpirun") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    static let isThere = binary != nil && mpirun != nil

    /// Open MPI refuses more processes than cores, and root, unless told.
    static let environment = [
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_hwloc_base_binding_policy": "none", "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    ]

    static func start(_ count: Int, _ arguments: [String], environment more: [String: String] = [:]) throws -> Running {
        guard count > 1 else { return try Running(try #require(binary), arguments, environment: more) }
        return try Running(
            try #require(mpirun), ["-n", "\(count)", try #require(binary).path] + arguments,
            environment: environment.merging(more) { $1 })
    }

    static func run(_ count: Int, _ arguments: [String], environment: [String: String] = [:]) throws -> Tool.Outcome {
        try start(count, arguments, environment: environment).outcome()
    }

    /// Two processes, each with arguments of its own.
    static func run(_ first: [String], _ second: [String]) throws -> Tool.Outcome {
        let program = try #require(binary).path
        return try Running(
            try #require(mpirun), ["-n", "1", program] + first + [":", "-n", "1", program] + second, environment: environment
        ).outcome()
    }

    /// The process of a rank that an mpirun has started.
    static func process(rank: Int, of run: URL) throws -> pid_t? {
        let folders = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
        return folders.first { pid in
            func holds(_ file: String, _ text: String) -> Bool {
                guard let data = FileHandle(forReadingAtPath: "/proc/\(pid)/\(file)")?.readDataToEndOfFile() else { return false }
                return data.split(separator: 0).contains(Data(text.utf8))
            }
            return holds("cmdline", run.path) && (holds("environ", "OMPI_COMM_WORLD_RANK=\(rank)") || holds("environ", "PMI_RANK=\(rank)"))
        }
    }
}

extension ToolTests {
    /// One run on several processes: equal to one process's, and to itself.
    @Suite(.enabled(if: Cluster.isThere, "needs mpirun, and VMUNET_MPI_BINARY, the tool built with MPI")) struct ProcessTests {
        /// 20 pictures in batches of 6: parts of unequal size, and a last batch of 2, of which two of
        /// four processes have none.
        private static let discs: URL = {
            let folder = Scratch.root.appending(path: "process-set")
            try? Discs.write(train: 20, validation: 20, to: folder)
            return folder
        }()

        private static func arguments(_ settings: String, epochs: Int) throws -> [String] {
            let file = try Scratch.folder().appending(path: "settings.yaml")
            try Data("{epochs: \(epochs), batch_size: 6, \(settings)}".utf8).write(to: file)
            return ["train", "--config", file.path, "--data", discs.path, "--dataset", "folder", "--threads", "1"]
                + Shared.smallest.dropLast(4) + ["--device", "cpu"]
        }

        private struct Run {
            let losses: [Double]
            let validation: [Double]
            let scores: [[Double]]
            let weights: StateDictionary
            let file: Data

            init(_ folder: URL) throws {
                let lines = try metrics(folder)
                func values(_ kind: String, _ key: String) -> [Double] {
                    lines.filter { $0["kind"] as? String == kind }.compactMap { $0[key] as? Double }
                }
                losses = values("step", "loss")
                validation = values("epoch", "val_loss")
                scores = ["miou", "dsc", "accuracy"].map { values("epoch", $0) }
                let last = folder.appending(path: "checkpoints/last.safetensors")
                weights = try WeightsFile.read(last)
                file = try Data(contentsOf: last)
            }

            /// The greatest relative difference of a step's loss, and of all weights together.
            func distance(to other: Run) -> (loss: Double, weights: Double) {
                let loss = zip(losses, other.losses).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
                var (difference, size) = (0.0, 0.0)
                for (key, tensor) in other.weights where !key.hasPrefix("optimizer.") && !key.hasPrefix("ema.") {
                    for (a, b) in zip(weights[key]?.doubles ?? [], tensor.doubles) {
                        difference += (a - b) * (a - b)
                        size += b * b
                    }
                }
                return (loss, (difference / size).squareRoot())
            }
        }

        private func train(_ count: Int, _ arguments: [String]) throws -> Run {
            let folder = try Scratch.folder().appending(path: "run")
            expectDone(try Cluster.run(count, arguments + ["--run", folder.path]))
            return try Run(folder)
        }

        /// Settings or pictures that differ are named, by one process, before anything is written.
        @Test func differingProcessesAreTold() throws {
            let arguments = try Self.arguments("optimizer: {name: sgd, learning_rate: 0.001}", epochs: 2)
            let fewer = try Scratch.folder().appending(path: "fewer")
            try FileManager.default.copyItem(at: Self.discs, to: fewer)
            let images = fewer.appending(path: "train/images"), name = try #require(names(images).first)
            for kind in ["images", "masks"] { try FileManager.default.removeItem(at: fewer.appending(path: "train/\(kind)/\(name)")) }
            for (other, words) in [
                (["--epochs", "3"], "epochs: 3, not 2"), (["--lr", "0.5"], "optimizer.learning_rate: 0.5, not"),
                (["--bfloat16-gradients"], "--bfloat16-gradients: true, not false"), (["--data", fewer.path], "data.path"),
            ] {
                let run = try Scratch.folder().appending(path: "run")
                let first = arguments + ["--run", run.path]
                var second = first
                if let place = second.firstIndex(of: other[0]) {
                    second.replaceSubrange(place..<place + 2, with: other)
                } else {
                    second += other
                }
                let outcome = try Cluster.run(first, second)
                #expect(outcome.code == 64, "\(outcome.error)")
                #expect(outcome.error.contains(words), "\(outcome.error)")
                #expect(outcome.error.contains("process 1 was started with other settings or pictures"), "\(outcome.error)")
                #expect(!FileManager.default.fileExists(atPath: run.path))
            }
        }

        /// One word for all, from an option that none can have.
        @Test func anErrorOfAllIsSaidOnce() throws {
            let outcome = try Cluster.run(3, try Self.arguments("", epochs: 1) + ["--save-every", "0"])
            #expect(outcome.code == 64, "\(outcome.error)")
            #expect(outcome.error.components(separatedBy: "--save-every: expected").count == 2, "\(outcome.error)")
        }

        /// A process that never joins: the others do not wait for it longer than they are told to.
        @Test func aProcessThatDoesNotStartIsToldOf() throws {
            let arguments = try Self.arguments("", epochs: 1) + ["--peer-timeout", "3"]
            let program = try #require(Cluster.binary).path
            let both = ["-n", "1", program] + arguments + [":", "-n", "1", "sleep", "120"]
            let outcome = try Running(try #require(Cluster.mpirun), both, environment: Cluster.environment).outcome()
            #expect(outcome.code == 70, "\(outcome)")
            #expect(outcome.error.contains("has not started within 3 s"), "\(outcome.error)")
        }

        /// 100 steps with everything that is drawn, summed or clipped: augmentation, stochastic
        /// depth, gradient clipping, averaged weights. Measured: 2e-7 in a loss, 5e-10 in the
        /// weights. At ten times the rate, with momentum, the losses are equal within 4e-7 for 20
        /// steps, and then rounding grows as training amplifies it.
        @Test func manyProcessesEqualOne() throws {
            let settings = "ema_decay: 0.9, clip_norm: 0.5, optimizer: {name: sgd, learning_rate: 0.001}, schedule: {name: constant}"
            let arguments = try Self.arguments(settings, epochs: 25)
            let one = try train(1, arguments)
            #expect(one.losses.count == 100 && Set(one.losses).count > 90)
            for count in [2, 4] {
                let several = try train(count, arguments)
                #expect(several.losses.count == 100)
                let distance = several.distance(to: one)
                #expect(distance.loss < 2e-6 && distance.weights < 1e-6, "\(count) processes: \(distance)")
                let loss = zip(several.validation, one.validation).map { abs($0 - $1) / $1 }.max() ?? 1
                #expect(loss < 2e-6, "\(count) processes, validation: \(loss)")
            }
        }

        /// A network of many buckets: their sums are under way at the same time, and end in another
        /// order on each process.
        @Test func manyBucketsAreAddedTogether() throws {
            let settings = "optimizer: {name: sgd, learning_rate: 0.001}, schedule: {name: constant}"
            let smallest = Array(Shared.smallest.prefix(6))
            let arguments = try Self.arguments(settings, epochs: 2).filter { !smallest.contains($0) } + ["--preset", "tiny"]
            let one = try train(1, arguments)
            #expect(one.losses.count == 8)
            for count in [2, 3] {
                let distance = try train(count, arguments).distance(to: one)
                #expect(distance.loss < 2e-6 && distance.weights < 1e-6, "\(count) processes: \(distance)")
            }
        }

        /// The counts of the validation set are shared out and joined: with weights that do not
        /// change, every score is the same number.
        @Test func sharedValidationCountsExactly() throws {
            let arguments = try Self.arguments("optimizer: {name: sgd, learning_rate: 1e-30}, schedule: {name: constant}", epochs: 1)
            let (one, three) = (try train(1, arguments), try train(3, arguments))
            #expect(one.validation.count == 1 && one.validation == three.validation)
            #expect(one.scores == three.scores && one.scores[0].count == 1)
        }

        @Test(arguments: [(4, []), (2, ["--bfloat16-gradients"])] as [(Int, [String])])
        func asManyProcessesGiveTheSameBits(count: Int, options: [String]) throws {
            let arguments = try Self.arguments("accumulate: 2, ema_decay: 0.9", epochs: 2) + options
            let (first, second) = (try train(count, arguments), try train(count, arguments))
            #expect(first.losses == second.losses && first.losses.count == 8)
            #expect(first.file == second.file)
        }

        /// Gradients of eight bits of mantissa, rounded twice: each time by 2⁻⁸ of itself at most.
        @Test func bfloat16GradientsStayClose() throws {
            let arguments = try Self.arguments("optimizer: {name: sgd, learning_rate: 0.01}, schedule: {name: constant}", epochs: 2)
            let (exact, rounded) = (try train(2, arguments), try train(2, arguments + ["--bfloat16-gradients"]))
            let distance = rounded.distance(to: exact)
            #expect(distance.loss < 1e-2 && distance.weights < 1e-3 && distance.weights > 0, "\(distance)")
        }

        /// A run of two processes that nothing interrupts.
        private static let whole = Result { try ProcessTests().train(2, arguments("ema_decay: 0.9", epochs: 3)) }

        private func start(_ count: Int, _ arguments: [String], in run: URL, untilSteps steps: Int) throws -> Running {
            let running = try Cluster.start(count, arguments + ["--run", run.path])
            while running.isRunning, ((try? text(run.appending(path: "metrics.jsonl"))) ?? "").split(separator: "\n").count < steps {
                usleep(2000)
            }
            return running
        }

        @Test(arguments: [0, 1]) func aKilledProcessEndsTheRunOnAll(rank: Int) throws {
            let arguments = try Self.arguments("ema_decay: 0.9", epochs: 3)
            let run = try Scratch.folder().appending(path: "run")
            let running = try start(2, arguments, in: run, untilSteps: 6)
            kill(try #require(try Cluster.process(rank: rank, of: run)), SIGKILL)
            let start = ContinuousClock.now
            let outcome = try running.outcome()
            #expect(outcome.code != 0 && ContinuousClock.now - start < .seconds(60))
            #expect(outcome.error.contains("signal 9") || outcome.error.contains("KILLED"), "\(outcome.error)")
            #expect(try Cluster.process(rank: 1 - rank, of: run) == nil)
            // It goes on with another number of processes.
            expectDone(try Cluster.run(rank == 0 ? 4 : 1, ["train", "--resume", "--run", run.path, "--threads", "1"]))
            let distance = try Run(run).distance(to: Self.whole.get())
            #expect(try Run(run).losses.count == 12 && distance.loss < 1e-2 && distance.weights < 1e-2, "\(distance)")
        }

        /// A scheduler's signal to one process stops all after the same step.
        @Test func oneSignalStopsAllAfterAStep() throws {
            let arguments = try Self.arguments("ema_decay: 0.9", epochs: 3)
            let run = try Scratch.folder().appending(path: "run")
            let running = try start(2, arguments, in: run, untilSteps: 3)
            kill(try #require(try Cluster.process(rank: 1, of: run)), SIGUSR1)
            let outcome = try running.outcome()
            #expect(outcome.code == 130 && outcome.error.contains("stopped and saved"), "\(outcome.error)")
            expectDone(try Cluster.run(2, ["train", "--resume", "--run", run.path, "--threads", "1"]))
            #expect(try Run(run).file == Self.whole.get().file)
        }

        /// A job that Slurm put back into its queue is the same command again.
        @Test func aRequeuedJobGoesOn() throws {
            let arguments = try Self.arguments("ema_decay: 0.9", epochs: 3)
            let run = try Scratch.folder().appending(path: "run")
            let first = try start(2, arguments, in: run, untilSteps: 5)
            kill(try #require(try Cluster.process(rank: 0, of: run)), SIGKILL)
            _ = try first.outcome()
            expectDone(try Cluster.run(2, arguments + ["--run", run.path], environment: ["SLURM_RESTART_COUNT": "1"]))
            #expect(try Run(run).file == Self.whole.get().file)
        }

        @Test func aBadPictureOfOneProcessEndsAllAndCostsNothing() throws {
            let data = try Discs.folder(train: 12, validation: 4)
            let arguments = try Self.arguments("ema_decay: 0.9", epochs: 1).map { $0 == Self.discs.path ? data.path : $0 }
            let run = try Scratch.folder().appending(path: "run")
            // Its header is right, its pixels are not: found when it is read.
            let victim = data.appending(path: "train/images/disc_07.png")
            let whole = try Data(contentsOf: victim)
            try whole.prefix(whole.count / 2).write(to: victim)
            let outcome = try Cluster.run(2, arguments + ["--run", run.path])
            #expect(outcome.code == 65 && outcome.error.contains("disc_07.png"), "\(outcome.error)")
        }

        @Test(
            arguments: [
                (["--network", "unet"], "batch normalisation"), (["--batch-size", "1"], "cannot be cut among 2 processes"),
            ] as [([String], String)])
        func whatCannotBeCutIsRefused(options: [String], words: String) throws {
            let run = try Scratch.folder().appending(path: "run")
            let arguments = ["train", "--data", Self.discs.path, "--dataset", "folder", "--image-size", "64", "--device", "cpu"]
            let sizes = options.contains("unet") ? [] : Array(Shared.smallest.prefix(6))
            let outcome = try Cluster.run(2, arguments + sizes + options + ["--run", run.path])
            #expect(outcome.code == 64 && outcome.error.contains(words), "\(outcome.error)")
            #expect(!exists(run))
        }
    }

    /// Without MPI, a program that mpirun has started several times says so.
    @Suite(.enabled(if: Cluster.binary != Tool.binary)) struct WithoutMPITests {
        @Test func severalProcessesNeedMPI() throws {
            let run = try Scratch.folder().appending(path: "run")
            let tool = try #require(Tool.binary)
            let outcome = try Running(
                tool, ["train", "--data", Shared.discs.path, "--run", run.path] + Shared.smallest,
                environment: ["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"]
            ).outcome()
            expectRefusal(outcome, 64, naming: "one of 4 processes", "VMUNET_MPI=1")
            #expect(!exists(run))
        }

        @Test(arguments: [["ablate", "--table", "V"], ["compare", "--networks", "unet"], ["crossvalidate"]])
        func gridsRunInOneProcess(command: [String]) throws {
            let runs = try Scratch.folder().appending(path: "runs")
            let tool = try #require(Tool.binary)
            let outcome = try Running(
                tool, command + ["--data", Shared.discs.path, "--dataset", "folder", "--runs", runs.path],
                environment: ["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"]
            ).outcome()
            expectRefusal(outcome, 64, naming: "one process", "one of 4")
            #expect(!exists(runs))
        }
    }
}
