import Foundation
import Imaging
import Testing

extension ToolTests {
    @Suite struct EvaluateTests {
        private static let keys = ["miou", "dsc", "accuracy", "specificity", "sensitivity"]

        private func evaluate(_ arguments: String..., data: URL = Shared.discs) throws -> Tool.Outcome {
            try Tool.run(["evaluate", "--weights", Shared.weights.path, "--data", data.path, "--dataset", "folder"] + arguments)
        }

        /// The five scores by definition; nil for a ratio of nothing.
        private func scores(_ pairs: [(mask: Picture, truth: Picture)]) -> [Double?] {
            var (tp, fp, fn, tn) = (0.0, 0.0, 0.0, 0.0)
            for (mask, truth) in pairs {
                for (p, t) in zip(mask.pixels, truth.pixels) {
                    if p == 255 { if t == 255 { tp += 1 } else { fp += 1 } } else { if t == 255 { fn += 1 } else { tn += 1 } }
                }
            }
            return [tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn), (tp + tn) / (tp + fp + fn + tn), tn / (tn + fp), tp / (tp + fn)]
        }

        /// At the network's own picture size, `evaluate` scores exactly the masks that `predict`
        /// writes.
        @Test func scoresFollowFromPredictsMasks() throws {
            let masks = try Scratch.folder()
            expectDone(try Tool.run("predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", masks.path))
            let outcome = try evaluate("--json", "-")
            expectDone(outcome)
            let result = try json(outcome.out)

            let files = results(masks)
            let pairs = try files.map {
                (
                    mask: try PictureFile.read(masks.appending(path: $0)),
                    truth: try PictureFile.read(Shared.discs.appending(path: "val/masks/\($0)"))
                )
            }
            let pooled = try #require(result["pooled"] as? [String: Double])
            let mean = try #require(result["per_image_mean"] as? [String: Double])
            let images = try #require(result["images"] as? [[String: Any]])
            #expect(images.compactMap { $0["name"] as? String } == files.map { ($0 as NSString).deletingPathExtension })
            let each = pairs.map { scores([$0]).map { $0 ?? 0 } }
            for (i, key) in Self.keys.enumerated() {
                let ownPooled: Double = try #require(scores(pairs)[i])
                #expect(abs(try #require(pooled[key]) - ownPooled) < 1e-12, "\(key)")
                let ownMean: Double = each.reduce(0) { sum, scores in sum + scores[i] } / Double(each.count)
                #expect(abs(try #require(mean[key]) - ownMean) < 1e-12, "\(key)")
                for (image, own) in zip(images, each) {
                    let got = try #require((image["scores"] as? [String: Double])?[key])
                    #expect(abs(got - own[i]) < 1e-12, "\(key)")
                }
            }
            #expect(try #require(result["loss"] as? Double) > 0)
        }

        @Test func tableAndFile() throws {
            let file = try Scratch.folder().appending(path: "scores.json")
            let outcome = try evaluate("--json", file.path)
            expectDone(outcome)
            for word in ["mIoU%", "DSC%", "Acc%", "Spe%", "Sen%", "pooled", "mean over pictures", "8 pictures"] {
                #expect(outcome.out.contains(word))
            }
            let pooled = try #require(try json(text(file))["pooled"] as? [String: Double])
            #expect(outcome.out.contains(String(format: "%.2f", try #require(pooled["miou"]) * 100)))
        }

        @Test func aFlatFolderWillDo() throws {
            let whole = try json(evaluate("--json", "-").out)
            let flat = try json(evaluate("--json", "-", data: Shared.discs.appending(path: "val")).out)
            #expect(whole["pooled"] as? [String: Double] == flat["pooled"] as? [String: Double])
        }

        @Test func refusals() throws {
            expectRefusal(try evaluate("--split", "test"), naming: "test/images", "train/, val/")
            expectRefusal(try evaluate("--batch-size", "0"), 64, naming: "--batch-size")
            expectRefusal(try evaluate("--threshold", "0"), 64, naming: "--threshold")
            expectRefusal(try evaluate(data: Scratch.root.appending(path: "nowhere")), naming: "nowhere", "no such folder")
            let other = try Tool.run(
                "evaluate", "--weights", Shared.nineClasses.path, "--data", Shared.discs.path, "--dataset", "folder", "--image-size", "64")
            expectRefusal(other, naming: "disc_48.png", "255", Shared.nineClasses.lastPathComponent, "9 classes")
        }

        /// No table replaces weights, pictures or another table, whatever path leads there.
        @Test func tablesReplaceNothingElse() throws {
            let folder = try Scratch.folder()
            let weights = folder.appending(path: "w.safetensors"), link = folder.appending(path: "link.csv")
            let mask = folder.appending(path: "mask.png"), same = folder.appending(path: "same.json")
            try FileManager.default.copyItem(at: Shared.weights, to: weights)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: weights)
            try Data("mine".utf8).write(to: mask)
            // A set whose masks lie elsewhere, behind a link.
            let linked = folder.appending(path: "linked"), elsewhere = folder.appending(path: "elsewhere")
            try FileManager.default.copyItem(at: Shared.discs, to: linked)
            try FileManager.default.moveItem(at: linked.appending(path: "val/masks"), to: elsewhere)
            try FileManager.default.createSymbolicLink(at: linked.appending(path: "val/masks"), withDestinationURL: elsewhere)
            for (options, word) in [
                (["--csv", weights.path], "is read by this command"), (["--json", link.path], "is read by this command"),
                (["--csv", mask.path], ".png is no table's ending"), (["--json", same.path, "--csv", same.path], "is --json too"),
                (["--csv", mask.path + "/x.csv"], "is a file, not a folder"),
                (["--json", Shared.discs.appending(path: "dataset.json").path], "lies in the data set's folder"),
                (["--json", elsewhere.appending(path: "new.json").path], "lies in the data set's folder"),
                (["--predictions", elsewhere.path], "lies in the data set's folder"),
                (["--predictions", Shared.discs.appending(path: "val/masks").path], "lies in the data set's folder"),
            ] {
                let line = [
                    "evaluate", "--weights", weights.path, "--data", options[1].hasPrefix(elsewhere.path) ? linked.path : Shared.discs.path,
                    "--dataset", "folder", "--image-size", "64",
                ]
                let outcome = try Tool.run(line + options)
                #expect(outcome.code == 65 && outcome.error.contains(word), "\(outcome.error)")
            }
            #expect(try Data(contentsOf: weights) == Data(contentsOf: Shared.weights))
            #expect(try Data(contentsOf: mask) == Data("mine".utf8) && !exists(same))
        }

        @Test func scoresAreNotLostWithTheirFile() throws {
            let file = try Scratch.folder().appending(path: "scores.json")
            let outcome = try Tool.shell(
                "ulimit -f 4; exec \"$@\"", "evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset",
                "folder",
                "--json", file.path)
            #expect(outcome.code == 65)
            #expect(outcome.out.contains("pooled over all pixels"))
            #expect(outcome.error.contains("scores.json") && outcome.error.contains("File too large"))
            #expect(!exists(file))
        }

        /// The scores are in their other place.
        @Test(arguments: ["", "--json -", "--csv -"])
        func aFullStandardOutputIsSaid(options: String) throws {
            let file = try Scratch.folder().appending(path: "scores.json")
            let outcome = try Tool.shell(
                "exec \"$@\" \(options) >/dev/full", "evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset",
                "folder", options == "--json -" ? "--csv" : "--json", file.path)
            #expect(outcome.code == 65 && outcome.error.contains("cannot write to standard output"), "\(outcome.error)")
            #expect(try text(file).contains("disc_48"))
        }
    }
}
