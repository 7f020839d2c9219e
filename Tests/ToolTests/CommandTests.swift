import Foundation
import Imaging
import Testing

extension ToolTests {
    @Suite struct CommandTests {
        private static let commands = ["train", "evaluate", "predict", "check", "summary", "convert", "bench", "demo"]

        @Test func help() throws {
            let all = try Tool.run("--help")
            expectDone(all)
            for command in Self.commands {
                #expect(all.out.contains("  \(command)"))
                let one = try Tool.run(command, "--help")
                expectDone(one)
                #expect(one.out.contains("USAGE: vmunet \(command)") && one.error.isEmpty)
            }
            #expect(all.out.contains("not a medical device"))
        }

        @Test func versionNamesLibtorch() throws {
            let outcome = try Tool.run("--version")
            expectDone(outcome)
            #expect(outcome.out.contains("libtorch 2."))
        }

        @Test(arguments: [
            ["nonsense"], ["train", "--nonsense"], ["summary", "--image-size", "48"], ["summary", "--image-size", "3200000000000"],
            ["summary", "--depths", "1,2"],
            ["summary", "--depths", "a,b,c,d"], ["bench", "--threads", "0"], ["bench", "--image-size", "3200000000"],
            ["bench", "--runs", "0"],
            ["bench", "--batch-size", "900000000000000000"], ["evaluate"], ["predict", "--output", "o"], ["convert", "one"],
            ["demo", "--pictures", "0"],
            ["demo", "--epochs", "0"], ["demo", "--image-size", "50"], ["bench", "--device", "cpu", "--tf32"],
            ["bench", "--device", "cpu", "--compile-graph"], ["bench", "--profile", "--compile-graph"], ["kernels", "--compile-graph"],
            ["train", "--device", "cpu", "--compile-graph"],
        ])
        func usage(arguments: [String]) throws {
            let folder = try Scratch.folder()
            let outcome = try Tool.run(arguments, in: folder)
            expectRefusal(outcome, 64, naming: "--help")
            #expect(names(folder).isEmpty)
        }

        @Test(arguments: [[], ["--train"], ["--precision", "bf16"]])
        func bench(options: [String]) throws {
            let outcome = try Tool.run(
                ["bench", "--preset", "tiny", "--image-size", "32", "--runs", "3", "--warm-up", "1", "--device", "cpu", "--json"] + options)
            expectDone(outcome)
            let result = try json(outcome.out)
            let median = try #require(result["median_seconds"] as? Double)
            #expect(median > 0)
            #expect(abs(try #require(result["images_per_second"] as? Double) * median - 1) < 1e-9)
            // libtorch alone takes more than 50 MB.
            #expect((50_000_000..<100_000_000_000).contains(try #require(result["peak_memory_bytes"] as? Int)))
        }

        /// GPU options are off by default in every command that computes; a note says where they
        /// have no effect.
        @Test(arguments: ["train", "evaluate", "predict", "bench", "ablate", "report"], ["tf32", "compile-graph"])
        func gpuOptions(command: String, option: String) throws {
            #expect(try Tool.run(command, "--help").out.contains("--\(option)"))
            guard command == "bench", Self.hasNoGPU else { return }
            let arguments = ["bench", "--preset", "tiny", "--image-size", "32", "--runs", "1", "--warm-up", "0", "--json"]
            for steps in [[], ["--train"]] {
                let plain = try Tool.run(arguments + steps), asked = try Tool.run(arguments + steps + ["--\(option)"])
                expectDone(plain)
                expectDone(asked)
                #expect(!plain.error.lowercased().contains(option))
                #expect(asked.error.components(separatedBy: "--\(option) changes nothing without a GPU").count == 2, "\(asked.error)")
                #expect(try json(asked.out)["compile_graph"] as? Bool == false)
            }
        }

        private static let hasNoGPU = !FileManager.default.fileExists(atPath: "/proc/driver/nvidia/version")

        /// Without a GPU the same work runs step by step: every file and number equals the one
        /// without the option. With stochastic depth, steps of several batches of which the last is
        /// small, clipped gradients and averaged weights.
        @Test(.enabled(if: hasNoGPU, "there is a GPU")) func compileGraphChangesNothingWithoutAGPU() throws {
            let folder = try Scratch.folder()
            let settings = folder.appending(path: "settings.yaml")
            try Data("{accumulate: 3, clip_norm: 0.3, ema_decay: 0.9, network: {drop_path: 0.4}}".utf8).write(to: settings)
            var outputs: [[Data]] = []
            for (name, options) in [("plain", []), ("graph", ["--compile-graph"])] as [(String, [String])] {
                let masks = folder.appending(path: name + "-masks"), run = folder.appending(path: name + "-run")
                let weights = ["--weights", Shared.weights.path]
                expectDone(try Tool.run(["predict", Shared.pictures.path, "--output", masks.path] + weights + options))
                let scores = try Tool.run(
                    ["evaluate", "--data", Shared.discs.path, "--dataset", "folder", "--batch-size", "3", "--json", "-"] + weights + options
                )
                expectDone(scores)
                // Later options win: the device comes last in the smallest network's options.
                let training = ["train", "--config", settings.path, "--data", Shared.discs.path, "--dataset", "folder", "--epochs", "2"]
                expectDone(try Tool.run(training + Shared.smallest.dropLast(2) + ["--batch-size", "5", "--run", run.path] + options))
                outputs.append(
                    try names(masks).map { try Data(contentsOf: masks.appending(path: $0)) } + [Data(scores.out.utf8)]
                        + ["best", "last"].map { try Data(contentsOf: run.appending(path: "checkpoints/\($0).safetensors")) })
            }
            #expect(outputs[0].count > 4 && outputs[0] == outputs[1])
        }

        /// The CPU's kernels compared with libtorch's operators, by the command that compares a GPU
        /// with the CPU.
        @Test func parity() throws {
            let outcome = try Tool.run("parity", "--device", "cpu", "--preset", "tiny", "--image-size", "32", "--json")
            expectDone(outcome)
            let result = try json(outcome.out)
            #expect(result["passed"] as? Bool == true)
            let rows = try #require(result["rows"] as? [[String: Any]])
            func names(_ kind: String, _ precision: String) -> [String] {
                rows.filter { $0["kind"] as? String == kind && $0["precision"] as? String == precision }.compactMap {
                    $0["name"] as? String
                }
            }
            let operators = [
                "patchify", "linear", "linear", "linear_halves", "layer_norm", "depthwise_conv_silu", "ss2d", "norm_gate", "merge_norm",
                "expand_norm", "head", "add_branch",
            ]
            #expect(names("operator", "fp32") == operators && names("operator", "bf16") == operators)
            #expect(names("network", "fp32") == ["logits"] && names("network", "bf16") == ["logits, from float32's"])
            #expect(["fp32", "bf16"].allSatisfy { names("recorded", $0) == ["inference", "training step"] })
            let gradients = names("gradients", "fp32")
            #expect(
                gradients.contains("layers self_attention.A_logs") && gradients.contains("patch_embed proj.weight") && gradients.count > 25)
            // Two identical ways of computing would agree to the last bit.
            #expect(rows.contains { $0["forward"] as? Double ?? 0 > 0 } && rows.contains { $0["gradient"] as? Double ?? 0 > 0 })
        }

        /// With a GPU: all of its operators and gradients compared with the CPU's.
        @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/driver/nvidia/version"), "no GPU"))
        func theGPUAgreesWithTheCPU() throws {
            expectDone(try Tool.run("parity", "--device", "cuda", "--image-size", "96", "--batch-size", "3"))
        }

        /// All stages on a handful of pictures, too few for the promised score, so none is demanded.
        @Test func demo() throws {
            let folder = try Scratch.folder()
            let outcome = try Tool.run(
                ["demo", "--pictures", "8", "--epochs", "1", "--image-size", "32", "--output", "d e m o", "--json"], in: folder)
            #expect(outcome.code == 0, "\(outcome.error)")
            #expect(!outcome.error.contains("expected at least"))
            let scores = try json(outcome.out)
            for network in ["trained", "shipped"] {
                let images = try #require((scores[network] as? [String: Any])?["images"] as? [Any])
                #expect(images.count == 60, "\(network)")
            }
            let made = folder.appending(path: "d e m o")
            #expect(names(made.appending(path: "data/train/images")).count == 8)
            let segmented = made.appending(path: "segmented")
            #expect(names(segmented).count == 11)
            let sheet = try PictureFile.read(segmented.appending(path: "sheet.png"))
            #expect(sheet.channels == 3 && sheet.width > sheet.height / 2)
        }

        /// Only an earlier demo's folder is replaced.
        @Test func demoTouchesNobodysFolder() throws {
            let folder = try Scratch.folder()
            let mine = folder.appending(path: "data/mine.txt")
            try FileManager.default.createDirectory(at: mine.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: mine)
            expectRefusal(try Tool.run("demo", "--output", folder.path), naming: folder.path, "another --output")
            #expect(try text(mine) == "mine")
        }
    }
}
