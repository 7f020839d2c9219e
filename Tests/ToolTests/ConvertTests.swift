import Foundation
import TensorFiles
import Testing

extension ToolTests {
    @Suite struct ConvertTests {
        @Test func thereAndBack() throws {
            let folder = try Scratch.folder()
            let (pth, back) = (folder.appending(path: "a.pth"), folder.appending(path: "b.safetensors"))
            expectDone(try Tool.run("convert", Shared.nineClasses.path, pth.path))
            expectDone(try Tool.run("convert", pth.path, back.path))
            let original = try WeightsFile.read(Shared.nineClasses)
            for file in [pth, back] {
                let read = try WeightsFile.read(file)
                #expect(read.count == original.count && original.count > 100)
                for (key, tensor) in original { #expect(read[key] == tensor, "\(key)") }
            }
            #expect(names(folder) == ["a.pth", "b.safetensors"])
            // A file is not converted onto itself, by whatever path.
            try FileManager.default.createSymbolicLink(at: folder.appending(path: "link.pth"), withDestinationURL: pth)
            let before = try Data(contentsOf: pth)
            for name in ["a.pth", "./a.pth", "link.pth"] {
                expectRefusal(try Tool.run(["convert", "a.pth", name], in: folder), naming: "is the file to read")
            }
            #expect(try Data(contentsOf: pth) == before)
        }

        @Test(.enabled(if: Tool.python != nil, "set VMUNET_PYTHON"))
        func pythonReadsBoth() throws {
            let folder = try Scratch.folder()
            let (pth, safe) = (folder.appending(path: "a.pth"), folder.appending(path: "a.safetensors"))
            expectDone(try Tool.run("convert", Shared.nineClasses.path, pth.path))
            expectDone(try Tool.run("convert", Shared.nineClasses.path, safe.path))
            let script = """
                import sys, torch
                from safetensors.torch import load_file
                golden, pth, safe = load_file(sys.argv[1]), torch.load(sys.argv[2], weights_only=True), load_file(sys.argv[3])
                same = lambda a: a.keys() == golden.keys() and all(torch.equal(a[k], golden[k]) for k in golden)
                print(same(pth), same(safe), len(golden) > 100)
                """
            #expect(try Tool.python(script, Shared.nineClasses.path, pth.path, safe.path) == "True True True\n")
        }

        @Test func aRunsCheckpointLosesWhatIsNotTheNetworks() throws {
            let folder = try Scratch.folder()
            let last = Shared.learned.folder.appending(path: "checkpoints/last.safetensors")
            expectDone(try Tool.run("convert", last.path, folder.appending(path: "plain.safetensors").path))
            expectDone(try Tool.run("convert", last.path, folder.appending(path: "all.safetensors").path, "--keep-optimizer"))
            let plain = try WeightsFile.read(folder.appending(path: "plain.safetensors"))
            let all = try WeightsFile.read(folder.appending(path: "all.safetensors"))
            #expect(plain.keys.allSatisfy { $0.hasPrefix("vmunet.") })
            #expect(all.keys.contains { $0.hasPrefix("optimizer.") })
        }

        @Test func refusals() throws {
            let folder = try Scratch.folder()
            let output = folder.appending(path: "out.pth")
            expectRefusal(try Tool.run("convert", "nowhere.pth", output.path), naming: "nowhere.pth", "check the path")
            expectRefusal(
                try Tool.run("convert", Shared.nineClasses.path, folder.appending(path: "out.txt").path), 64, naming: ".safetensors")
            expectRefusal(
                try Tool.run("convert", Shared.nineClasses.path, folder.appending(path: "missing/out.pth").path), naming: "missing/out.pth")
            #expect(names(folder).isEmpty)
        }

        /// The pickle in it would create a file if it were run.
        @Test(.enabled(if: Tool.fixtures != nil, "set VMUNET_FIXTURES"))
        func aHostilePickleRunsNothing() throws {
            let trap = "/tmp/vmunet_pwned"
            try #require(!FileManager.default.fileExists(atPath: trap))
            let file = try #require(Tool.fixtures).appending(path: "malicious.pth").path
            let outcome = try Tool.run("convert", file, try Scratch.folder().appending(path: "out.safetensors").path)
            #expect(outcome.signal == nil && [0, 65].contains(outcome.code))
            _ = try Tool.run("predict", "--weights", file, Shared.pictures.path, "--output", try Scratch.folder().path)
            #expect(!FileManager.default.fileExists(atPath: trap))
        }
    }
}
