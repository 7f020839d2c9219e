import Foundation
import Imaging
import Testing

extension ToolTests {
    @Suite struct CommandTests {
        private static let commands = ["train", "evaluate", "predict", "summary", "convert", "bench", "demo"]

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
            ["demo", "--epochs", "0"], ["demo", "--image-size", "50"],
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

        /// All of its stages on a handful of pictures; so few cannot teach what the demo promises, and it says so.
        @Test func demo() throws {
            let folder = try Scratch.folder()
            let outcome = try Tool.run(
                ["demo", "--pictures", "8", "--epochs", "1", "--image-size", "32", "--output", "d e m o"], in: folder)
            #expect(outcome.code == 70, "\(outcome.error)")
            #expect(outcome.error.contains("expected at least 80.00"))
            #expect(outcome.out.contains("pooled over all pixels"))
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
