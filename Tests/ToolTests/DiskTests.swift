import Foundation
import Testing

extension ToolTests {
    /// Full disks and folders without write permission: nothing existing is lost, and nothing is
    /// left half-written.
    @Suite struct DiskTests {
        private static let begun: URL = {
            let folder = Scratch.root.appending(path: "begun")
            try? Discs.write(train: 8, validation: 4, to: folder.appending(path: "set"))
            _ = try? Tool.run(
                [
                    "train", "--data", folder.appending(path: "set").path, "--dataset", "folder", "--epochs", "1", "--run",
                    folder.appending(path: "run").path,
                ]
                    + Shared.smallest)
            return folder.appending(path: "run")
        }()

        /// A limit on file sizes stands for a full disk: writing beyond it fails, and by default
        /// ends the process.
        @Test func aDiskThatFillsUpWhileSaving() throws {
            let run = try Scratch.folder().appending(path: "run")
            try FileManager.default.copyItem(at: Self.begun, to: run)
            let checkpoints = run.appending(path: "checkpoints")
            let before = try Data(contentsOf: checkpoints.appending(path: "last.safetensors"))
            let outcome = try Tool.shell("ulimit -f 1000; exec \"$@\"", "train", "--resume", "--run", run.path, "--epochs", "2")
            expectRefusal(outcome, naming: "checkpoints/", "File too large", "disk's free space")
            #expect(try Data(contentsOf: checkpoints.appending(path: "last.safetensors")) == before)
            #expect(names(checkpoints) == ["best.safetensors", "last.safetensors"])

            // With free space again, it continues as if nothing had happened.
            let whole = try Scratch.folder().appending(path: "run")
            try FileManager.default.copyItem(at: Self.begun, to: whole)
            for folder in [run, whole] { expectDone(try Tool.run("train", "--resume", "--run", folder.path, "--epochs", "2")) }
            #expect(
                try Data(contentsOf: checkpoints.appending(path: "last.safetensors"))
                    == Data(contentsOf: whole.appending(path: "checkpoints/last.safetensors")))
            #expect(try metrics(run).count == metrics(whole).count)
        }

        @Test func masksAndWeightsOnAFullDisk() throws {
            let folder = try Scratch.folder()
            let weights = folder.appending(path: "w.pth")
            expectRefusal(
                try Tool.shell("ulimit -f 100; exec \"$@\"", "convert", Shared.nineClasses.path, weights.path), naming: "w.pth",
                "File too large")
            let masks = folder.appending(path: "masks")
            let outcome = try Tool.shell(
                "ulimit -f 1; exec \"$@\"", "predict", "--weights", Shared.weights.path, Shared.pictures.path, "--overlay", "--output",
                masks.path)
            // The table of what is to come is written first.
            expectRefusal(outcome, naming: "predictions.json", "cannot be written")
            #expect(names(folder) == ["masks"])
            #expect(!names(masks).contains { $0.hasSuffix(".tmp") })
        }

        @Test(.enabled(if: exists(URL(filePath: "/dev/full")), "no /dev/full"))
        func standardOutputThatIsFull() throws {
            let full = try Tool.shell("exec \"$@\" > /dev/full", "summary", "--json")
            expectRefusal(full, naming: "standard output", "No space left")
            #expect(try Tool.shell("exec \"$@\" > /dev/full", "summary").code == 65)
        }

        /// Undeliverable messages do not end a run, nor may they end up in the next file that
        /// is opened.
        @Test(arguments: ["2> /dev/full", "2>&-", "<&- >&- 2>&-"])
        func standardErrorThatTakesNothing(redirection: String) throws {
            let run = try Scratch.folder().appending(path: "run")
            let set = Self.begun.deletingLastPathComponent().appending(path: "set")
            let arguments = ["train", "--data", set.path, "--dataset", "folder", "--epochs", "1", "--run", run.path] + Shared.smallest
            let line = arguments.map { "'\($0)'" }.joined(separator: " ")
            let outcome = try Tool.shell("exec \"$1\" \(line) \(redirection)")
            #expect(outcome.code == 0, "\(outcome)")
            let path = "checkpoints/best.safetensors"
            #expect(try Data(contentsOf: run.appending(path: path)) == Data(contentsOf: Self.begun.appending(path: path)))
        }

        @Test func aReaderThatGoesAway() throws {
            let run = try Scratch.folder().appending(path: "run")
            let set = Self.begun.deletingLastPathComponent().appending(path: "set")
            let line = (["train", "--data", set.path, "--dataset", "folder", "--epochs", "2", "--run", run.path] + Shared.smallest).joined(
                separator: " ")
            _ = try Tool.shell("\"$1\" \(line) 2>&1 | head -n 1")
            #expect(try metrics(run).filter { $0["kind"] as? String == "epoch" }.count == 2)
        }

        /// Root may write anywhere, so then the tool runs as nobody.
        private static let drop =
            getuid() == 0 ? "exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"" : "exec \"$@\""
        /// Running as nobody works only if nobody may run the tool.
        private static let mayBeRefused = (try? Tool.shell(drop, "--version").code) == 0

        @Test(.enabled(if: mayBeRefused, "root, and the tool cannot be run as nobody"))
        func foldersThatMayNotBeWritten() throws {
            let folder = try Scratch.folder()
            let run = folder.appending(path: "run")
            try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
            for url in [folder, run] { try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: url.path) }
            defer {
                for url in [folder, run] { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path) }
            }
            for url in [run, folder.appending(path: "new")] {
                let line = ["train", "--data", Shared.discs.path, "--dataset", "folder", "--run", url.path] + Shared.smallest
                let outcome = try Tool.shell(Self.drop + " " + line.map { "'\($0)'" }.joined(separator: " "))
                expectRefusal(outcome, naming: url.path, "Permission denied", "--run")
            }
            let masks = try Tool.shell(
                Self.drop, "predict", "--weights", Shared.nineClasses.path, Shared.pictures.path, "--output", run.path)
            expectRefusal(masks, naming: run.path, "Permission denied")
            #expect(names(folder) == ["run"] && names(run).isEmpty)
        }
    }
}
