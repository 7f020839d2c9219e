import Foundation
import Imaging
import Testing

extension ToolTests {
    /// The program without libtorch gives the same answers as the one with it, and contains nothing
    /// of it.
    @Suite(.enabled(if: Tool.light != nil, "set VMUNET_LIGHT_BINARY to the tool without libtorch"))
    struct LightToolTests {
        private func light(_ arguments: String...) throws -> Tool.Outcome {
            try Running(try #require(Tool.light), arguments).outcome()
        }

        @Test func masksAreThoseOfLibtorch() throws {
            let (ours, theirs) = (try Scratch.folder(), try Scratch.folder())
            let arguments = ["predict", "--weights", Shared.weights.path, "--image-size", "64", Shared.pictures.path]
            expectDone(try Running(try #require(Tool.light), arguments + ["--output", ours.path]).outcome())
            expectDone(try Tool.run(arguments + ["--output", theirs.path]))
            let stems = names(Shared.pictures).map { ($0 as NSString).deletingPathExtension }
            #expect(!stems.isEmpty)
            for stem in stems {
                let a = try PictureFile.read(ours.appending(path: stem + ".png"))
                let b = try PictureFile.read(theirs.appending(path: stem + ".png"))
                #expect(a.width == b.width && a.height == b.height)
                // Two engines round differently, so a pixel at the threshold may fall to either
                // side.
                #expect(zip(a.pixels, b.pixels).count { $0 != $1 } <= a.pixels.count / 1000, "\(stem)")
            }
        }

        /// Without the script beside it, as in a release, the help offers nothing of the script's.
        @Test(arguments: ["", "./vmunet"])
        func theHelpIsThatOfWhatIsThere(script: String) throws {
            let help = try Running(try #require(Tool.light), ["--help"], environment: ["VMUNET_COMMAND": script]).outcome()
            expectDone(help)
            #expect(help.out.contains("'setup dicom'") == !script.isEmpty && help.out.contains("also has train") == !script.isEmpty)
            let words = help.out.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(words.contains("built from the package's sources") == script.isEmpty)
        }

        /// Swift reads the arguments from /proc.
        @Test func withoutProcThatIsSaid() throws {
            func without(_ command: String) throws -> Tool.Outcome {
                try Running(
                    URL(filePath: "/bin/sh"),
                    [
                        "-c", "exec unshare --mount --map-root-user sh -c 'mount -t tmpfs none /proc && \(command)' \"$0\"",
                        try #require(Tool.light).path,
                    ]
                ).outcome()
            }
            guard (try? without("true"))?.code == 0 else { return print("skipped: this system lets nobody hide /proc") }
            let outcome = try without("exec \"$0\" predict photo.png")
            #expect(outcome.code == 69 && outcome.error.contains("/proc is missing"), "\(outcome.error)")
        }

        @Test func aGPUIsRefusedWithTheWayOut() throws {
            let outcome = try light(
                "predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", try Scratch.folder().path,
                "--device", "cuda")
            expectRefusal(outcome, 64, naming: "--device cuda", "vmunet-train")
        }

        @Test(arguments: [[], ["--precision", "bf16", "--batch-size", "2"], ["--threads", "1"]])
        func benchTimesTheKernels(options: [String]) throws {
            let arguments = ["bench", "--preset", "tiny", "--image-size", "32", "--runs", "3", "--warm-up", "1", "--json", "--quiet"]
            let outcome = try Running(try #require(Tool.light), arguments + options).outcome()
            expectDone(outcome)
            #expect(outcome.error.isEmpty)
            let result = try json(outcome.out)
            let median = try #require(result["median_seconds"] as? Double)
            let pictures = try #require(result["batch_size"] as? Int)
            #expect(median > 0 && pictures == (options.contains("2") ? 2 : 1))
            #expect(abs(try #require(result["images_per_second"] as? Double) * median / Double(pictures) - 1) < 1e-9)
            #expect((5_000_000..<1_000_000_000).contains(try #require(result["peak_memory_bytes"] as? Int)))
            #expect(result["engine"] as? String == "kernels" && result["train"] as? Bool == false)
            if options.contains("--threads") { #expect(result["threads"] as? Int == 1) }
        }

        @Test func convertTellsWhatItWrote() throws {
            let file = try Scratch.folder().appending(path: "w.safetensors")
            let outcome = try light("convert", Shared.weights.path, file.path, "--json", "--quiet")
            expectDone(outcome)
            #expect(outcome.error.isEmpty)
            let result = try json(outcome.out)
            #expect(result["file"] as? String == file.path)
            let size = try #require(FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int)
            let bytes = try #require(result["bytes"] as? Int)
            // The file is the tensors and a header.
            #expect(bytes < size && size < bytes + 200_000)
        }

        @Test(arguments: ["predict", "evaluate", "check", "summary", "convert", "bench"])
        func helpHasExamples(command: String) throws {
            let outcome = try light(command, "--help")
            expectDone(outcome)
            #expect(outcome.out.contains("Examples:\n  vmunet \(command)"))
        }

        @Test func nothingOfLibtorchOrFoundationIsInside() throws {
            let libraries = try Running(URL(filePath: "/usr/bin/env"), ["ldd", try #require(Tool.light).path]).outcome()
            #expect(libraries.code == 0 && libraries.out.contains("libc.so"), "\(libraries.error)")
            for name in ["libtorch", "libc10", "libgomp", "libFoundation.so", "FoundationICU"] {
                #expect(!libraries.out.contains(name), "\(libraries.out)")
            }
        }
    }
}

extension Tool {
    /// The program without libtorch.
    static let light = environment["VMUNET_LIGHT_BINARY"].map { URL(filePath: $0) }
}
