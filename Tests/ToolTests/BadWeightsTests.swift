import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// Files that are not weights, or not a usable VM-UNet's.
    @Suite struct BadWeightsTests {
        private func expectRefused(_ weights: URL, naming words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
            let output = try Scratch.folder().appending(path: "masks")
            let outcome = try Tool.run("predict", "--weights", weights.path, Shared.pictures.path, "--output", output.path)
            expectRefusal(outcome, sourceLocation: sourceLocation)
            for word in words + [weights.lastPathComponent] {
                #expect(outcome.error.contains(word), "\(outcome.error)", sourceLocation: sourceLocation)
            }
            #expect(names(output).isEmpty, sourceLocation: sourceLocation)
        }

        private func changed(_ name: String, _ change: (inout StateDictionary) throws -> Void) throws -> URL {
            let url = try Scratch.folder().appending(path: name + ".safetensors")
            var weights = try WeightsFile.read(Shared.nineClasses)
            try change(&weights)
            try WeightsFile.write(weights, to: url)
            return url
        }

        @Test func notWeights() throws {
            let folder = try Scratch.folder()
            try expectRefused(folder.appending(path: "nowhere.pth"), naming: "check the path")
            try expectRefused(folder, naming: "is a folder")
            for (name, content, word) in [
                ("page.pth", Data("<!DOCTYPE html><html>not found</html>".utf8), "HTML"), ("empty.safetensors", Data(), "empty"),
                ("picture.pth", try Data(contentsOf: Shared.pictures.appending(path: names(Shared.pictures)[0])), "PNG"),
                ("cut.safetensors", try Data(contentsOf: Shared.nineClasses).prefix(10_000), "truncated"),
                ("lies.safetensors", Data([255, 255, 255, 255, 255, 255, 255, 127]) + Data("{}".utf8), "unknown kind"),
                ("zeros.pth", Data(count: 4096), "zeros"),
            ] {
                let file = folder.appending(path: name)
                try content.write(to: file)
                try expectRefused(file, naming: word)
            }
        }

        @Test func keysThatDoNotFit() throws {
            let key = "vmunet.layers.1.blocks.0.ln_1.bias"
            try expectRefused(try changed("missing") { $0[key] = nil }, naming: "1 missing", key)
            try expectRefused(
                try changed("shape") { $0[key] = HostTensor([Float](repeating: 0, count: 3)) }, naming: "1 of another shape", key, "[3]")
            try expectRefused(try changed("extra") { $0["extra.weight"] = HostTensor([Float(1)]) }, naming: "1 unexpected", "extra.weight")
            try expectRefused(try changed("none") { $0 = StateDictionary() }, naming: "no tensors at all")
        }

        @Test func valuesThatAreNone() throws {
            let key = "vmunet.layers.0.blocks.0.ln_1.weight"
            func spoilt(_ name: String, _ value: Float) throws -> URL {
                try changed(name) { weights in
                    var values = try #require(weights[key]).floats
                    values[0] = value
                    weights[key] = HostTensor(values)
                }
            }
            try expectRefused(try spoilt("nan", .nan), naming: key, "not finite")
            // Finite weights whose outputs overflow.
            let huge = try changed("huge") { weights in
                for (key, tensor) in weights where key.hasSuffix("final_up.expand.weight") || key.hasSuffix("patch_embed.norm.weight") {
                    weights[key] = try HostTensor(tensor.floats.map { _ in 3e38 }).reshaped(tensor.shape)
                }
            }
            // Each picture fails separately, and predictions.json says so.
            let output = try Scratch.folder().appending(path: "masks")
            let outcome = try Tool.run("predict", "--weights", huge.path, Shared.pictures.path, "--output", output.path)
            #expect(outcome.code == 65 && outcome.error.contains("not finite"), "\(outcome.error)")
            #expect(names(output) == ["predictions.json"])
            let scored = try Tool.run(
                "evaluate", "--weights", huge.path, "--data", Shared.discs.path, "--dataset", "folder", "--image-size", "64")
            expectRefusal(scored)
        }

        @Test func moreClassesThanMasksHaveLabels() throws {
            let file = try changed("many") { weights in
                for key in ["vmunet.final_conv.weight", "vmunet.final_conv.bias"] {
                    let tensor = try #require(weights[key])
                    let row = tensor.floats.prefix(tensor.count / 9)
                    weights[key] = try HostTensor((0..<300).flatMap { _ in row }).reshaped([300] + tensor.shape.dropFirst())
                }
            }
            try expectRefused(file, naming: "300 classes")
        }

        @Test(arguments: [
            ("image_size", "-64"), ("image_size", "50"), ("image_size", "100000000000"),
        ])
        func metadataThatMakesNoSense(key: String, value: String) throws {
            try expectRefused(try changed("metadata") { $0.metadata[key] = .string(value) }, naming: key.replacing("_", with: " "))
        }
    }
}
