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

        @Test func aGPUIsRefusedWithTheWayOut() throws {
            let outcome = try light(
                "predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", try Scratch.folder().path,
                "--device", "cuda")
            expectRefusal(outcome, 64, naming: "--device cuda", "vmunet-train")
        }

        @Test func nothingOfLibtorchIsInside() throws {
            let libraries = try Running(URL(filePath: "/usr/bin/env"), ["ldd", try #require(Tool.light).path]).outcome()
            #expect(libraries.code == 0 && libraries.out.contains("libc.so"), "\(libraries.error)")
            for name in ["libtorch", "libc10", "libgomp"] { #expect(!libraries.out.contains(name), "\(libraries.out)") }
        }
    }
}

extension Tool {
    /// The program without libtorch.
    static let light = environment["VMUNET_LIGHT_BINARY"].map { URL(filePath: $0) }
}
