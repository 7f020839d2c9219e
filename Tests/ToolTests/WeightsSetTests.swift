import Foundation
import TensorFiles
import Testing

extension ToolTests {
    /// Checkpoints with several sets of weights: every command that reads weights says once which
    /// it took, and takes the other if asked.
    @Suite struct WeightsSetTests {
        /// Lightning's way: the model and its average in one dictionary, behind prefixes.
        private func checkpoint() throws -> URL {
            let own = try WeightsFile.read(Shared.weights)
            var both = StateDictionary()
            for (key, tensor) in own {
                both["model." + key] = tensor
                both["ema_model.module." + key] = HostTensor(tensor.floats.map { $0 * 2 }, shape: tensor.shape)
            }
            let url = try Scratch.folder().appending(path: "both.pth")
            try WeightsFile.write(both, to: url)
            return url
        }

        private static let taken = "note: both.pth: the model's own weights are taken, not the averaged ones under 'ema_model'"

        private func expectSaidOnce(_ outcome: Tool.Outcome, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
            expectDone(outcome, sourceLocation: sourceLocation)
            #expect(outcome.error.components(separatedBy: text).count == 2, "\(outcome.error)", sourceLocation: sourceLocation)
        }

        @Test func convertTakesEither() throws {
            let (both, folder) = (try checkpoint(), try Scratch.folder())
            let own = try WeightsFile.read(Shared.weights)
            for (choice, factor) in [([], 1), (["--weights-set", "model"], 1), (["--weights-set", "average"], 2)] as [([String], Float)] {
                let out = folder.appending(path: "out.safetensors")
                let outcome = try Tool.run(["convert", both.path, out.path] + choice)
                expectSaidOnce(
                    outcome,
                    factor == 1 ? Self.taken : "note: both.pth: the weights under 'ema_model' are taken, not the others in the file")
                let got = try WeightsFile.read(out)
                #expect(Set(got.keys) == Set(own.keys))
                for (key, tensor) in own { #expect(got[key]?.floats == tensor.floats.map { $0 * factor }, "\(key)") }
            }
            expectRefusal(
                try Tool.run("convert", both.path, folder.appending(path: "x.pth").path, "--weights-set", "netB"), naming: "both.pth",
                "netB")
            expectRefusal(
                try Tool.run("convert", both.path, folder.appending(path: "x.pth").path, "--weights-set", "average", "--keep-optimizer"),
                64,
                naming: "--keep-optimizer")
        }

        @Test func predictAndEvaluateSayIt() throws {
            let both = try checkpoint()
            let output = try Scratch.folder().appending(path: "masks").path
            expectSaidOnce(
                try Tool.run("predict", "--weights", both.path, Shared.pictures.path, "--output", output, "--image-size", "64"), Self.taken)
            expectSaidOnce(
                try Tool.run("evaluate", "--weights", both.path, "--data", Shared.discs.path, "--image-size", "64"), Self.taken)
        }

        @Test func trainingBeginsWithEither() throws {
            let (both, folder) = (try checkpoint(), try Scratch.folder())
            for (choice, text) in [
                ([], Self.taken.dropFirst("note: both.pth: ".count)), (["--weights-set", "average"], "the weights under 'ema_model'"),
            ]
                as [([String], Substring)]
            {
                let run = folder.appending(path: "run\(choice.count)")
                let outcome = try Tool.run(
                    ["train", "--data", Shared.discs.path, "--init", both.path, "--preset", "tiny", "--epochs", "1", "--image-size", "32"]
                        + ["--batch-size", "8", "--run", run.path] + choice)
                expectSaidOnce(outcome, String(text))
                #expect(outcome.error.contains("data set: folder") && outcome.error.contains(" 0 left at their initial values"))
            }
        }
    }
}
