import Foundation
import TensorFiles
import Testing

extension ToolTests {
    /// A network that is not VM-UNet, through every command: U-Net of four channels.
    @Suite struct OtherNetworkTests {
        private static let settings: URL = {
            let file = Scratch.root.appending(path: "unet.yaml")
            let text =
                "{network: {name: unet, channels: 4}, epochs: 3, batch_size: 4, accumulate: 2, ema_decay: 0.8, data: {image_size: 64}}"
            try? Data(text.utf8).write(to: file)
            return file
        }()
        private static let arguments = [
            "train", "--config", settings.path, "--data", Shared.discs.path, "--dataset", "folder", "--device", "cpu", "--lr", "0.01",
        ]
        private static let learned: (folder: URL, outcome: Tool.Outcome?) = {
            let folder = Scratch.root.appending(path: "unet-run")
            return (folder, try? Tool.run(arguments + ["--run", folder.path]))
        }()
        private static var weights: URL { learned.folder.appending(path: "checkpoints/best.safetensors") }

        @Test func learns() throws {
            let outcome = try #require(Self.learned.outcome)
            expectDone(outcome)
            #expect(outcome.error.contains("unet network of one class"))
            let epochs = try metrics(Self.learned.folder).filter { $0["kind"] as? String == "epoch" }
            let losses = epochs.compactMap { $0["train_loss"] as? Double }
            #expect(losses.count == 3 && losses[2] < 0.9 * losses[0])
            let config = try text(Self.learned.folder.appending(path: "config.yaml"))
            #expect(config.contains("name: \"unet\"") && config.contains("channels: 4") && config.contains("upsampling: \"transposed\""))
            let kept = try WeightsFile.read(Self.weights)
            #expect(kept.metadata["network"]?.text == "unet")
            #expect(kept["inc.double_conv.1.running_var"]?.shape == [4])
            // Six steps an epoch of two batches each: as many as batches went through.
            #expect(
                try WeightsFile.read(Self.learned.folder.appending(path: "checkpoints/last.safetensors"))[
                    "inc.double_conv.1.num_batches_tracked"]?.floats == [36])
        }

        @Test func resumesBitForBit() throws {
            expectDone(try #require(Self.learned.outcome))
            let run = try Scratch.folder().appending(path: "run")
            let running = try Running(try #require(Tool.binary), Self.arguments + ["--run", run.path])
            while running.isRunning, ((try? text(run.appending(path: "metrics.jsonl"))) ?? "").split(separator: "\n").count < 15 {
                usleep(500)
            }
            running.send(SIGTERM)
            #expect(try running.outcome().code == 130)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            for name in ["last", "best"] {
                let path = "checkpoints/\(name).safetensors"
                #expect(try Data(contentsOf: run.appending(path: path)) == Data(contentsOf: Self.learned.folder.appending(path: path)))
            }
        }

        /// The file of the best weights scores what the run's table says.
        @Test func evaluates() throws {
            let outcome = try Tool.run(
                "evaluate", "--weights", Self.weights.path, "--data", Shared.discs.path, "--dataset", "folder", "--json", "-")
            expectDone(outcome)
            let pooled = try #require(try json(outcome.out)["pooled"] as? [String: Double])
            let best = try #require(try metrics(Self.learned.folder).last { $0["best"] as? Bool == true })
            #expect(abs(try #require(pooled["miou"]) - (try #require(best["miou"] as? Double))) < 1e-6)
        }

        @Test func predicts() throws {
            let folder = try Scratch.folder()
            expectDone(
                try Tool.run("predict", Shared.pictures.path, "--weights", Self.weights.path, "--output", folder.path, "--libtorch"))
            #expect(!names(folder).isEmpty)
        }

        @Test func reports() throws {
            let page = try Scratch.folder().appending(path: "page.html")
            let outcome = try Tool.run("report", Self.learned.folder.path, "--output", page.path, "--json")
            expectDone(outcome)
            let html = try text(page)
            #expect(html.contains("unet on folder") && html.contains("<img") && html.contains("channels"))
            // The best weights score again what their epoch recorded.
            let run = try #require((try json(outcome.out)["runs"] as? [[String: Any]])?.first)
            let (best, pooled) = (try #require(run["best"] as? [String: Any]), try #require(run["pooled"] as? [String: Any]))
            let (recorded, scored) = (try #require(best["dsc"] as? Double), try #require(pooled["dsc"] as? Double))
            #expect(abs(recorded - scored) < 1e-6 && (run["weights_sha256"] as? String)?.count == 64)
        }

        @Test func isOneOfAGridsAxes() throws {
            let folder = try Scratch.folder()
            let grid = folder.appending(path: "grid.yaml")
            let text = """
                base: {epochs: 1, batch_size: 8, device: cpu, data: {image_size: 64}}
                axes:
                  network:
                    unet: {network.name: unet, network.channels: 2}
                    vmunet: {network.preset: tiny}
                """
            try Data(text.utf8).write(to: grid)
            let outcome = try Tool.run(
                "ablate", "--config", grid.path, "--runs", folder.appending(path: "runs").path, "--data", Shared.discs.path, "--dataset",
                "folder", "--json")
            expectDone(outcome)
            let rows = try #require(try json(outcome.out)["rows"] as? [[String: Any]])
            #expect(rows.count == 2 && rows.allSatisfy { $0["state"] as? String == "finished" && $0["parameters"] is Int })
            #expect(rows[0]["flops_paper"] == nil && rows[1]["flops_paper"] is Int)
        }

        @Test func whatMakesNoSenseIsRefused() throws {
            let folder = try Scratch.folder()
            let file = folder.appending(path: "wrong.yaml")
            try Data("epochs: 1\nnetwork:\n  name: unet\n  chanels: 4\n".utf8).write(to: file)
            let data = ["--data", Shared.discs.path, "--dataset", "folder", "--run", folder.appending(path: "run").path]
            expectRefusal(
                try Tool.run(["train", "--config", file.path] + data), naming: "wrong.yaml:4", "network.chanels", "channels, upsampling")
            expectRefusal(try Tool.run(["train", "--network", "unett"] + data), 64, naming: "unett", "vmunet, unet")
            expectRefusal(
                try Tool.run(["train", "--network", "unet", "--preset", "tiny"] + data), 64, naming: "--preset belongs to VM-UNet")
            #expect(!exists(folder.appending(path: "run")))
        }

        @Test(.enabled(if: Tool.light != nil, "set VMUNET_LIGHT_BINARY to the tool without libtorch"))
        func theProgramWithoutLibtorchSaysWhichHasIt() throws {
            let outcome = try Running(
                try #require(Tool.light),
                ["predict", Shared.pictures.path, "--weights", Self.weights.path, "--output", Scratch.folder().path]
            ).outcome()
            expectRefusal(outcome, naming: "best.safetensors", "unet", "--libtorch")
        }
    }
}
