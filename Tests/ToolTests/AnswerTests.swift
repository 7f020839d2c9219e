import Foundation
import Imaging
import TensorFiles
import Testing

/// Tiles, views, ensembles and tables of `predict` and `evaluate`.
extension ToolTests {
    @Suite struct AnswerTests {
        private func predict(_ arguments: String..., to folder: URL) throws -> Tool.Outcome {
            try Tool.run(["predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", folder.path] + arguments)
        }

        private func evaluate(_ arguments: String...) throws -> Tool.Outcome {
            try Tool.run(
                ["evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset", "folder"] + arguments)
        }

        private func records(_ folder: URL) throws -> [[String: Any]] {
            let data = try Data(contentsOf: folder.appending(path: "predictions.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        }

        private func bytes(_ folder: URL) throws -> [Data] { try results(folder).map { try Data(contentsOf: folder.appending(path: $0)) } }

        /// The pictures and the network's input are 64×64, so one tile is one picture. The number of
        /// passes, each of one tile in one view, is printed beforehand.
        @Test func tilesAndViews() throws {
            let (whole, tiled, small) = (try Scratch.folder(), try Scratch.folder(), try Scratch.folder())
            expectDone(try predict(to: whole))
            let one = try predict("--tile", "64", "--probabilities", to: tiled)
            expectDone(one)
            #expect(one.error.contains("8 pictures: 8 tiles of 64×64, 8 passes through the network"))
            for name in results(whole) {
                #expect(try Data(contentsOf: whole.appending(path: name)) == Data(contentsOf: tiled.appending(path: name)))
            }
            let many = try predict("--tile", "32", "--overlap", "0.25", "--tta", "full", "--uncertainty", to: small)
            expectDone(many)
            #expect(many.error.contains("8 pictures: 72 tiles of 32×32, 576 passes through the network"))
            let record = try #require(try records(small).first)
            let settings = try #require(record["settings"] as? [String: Any])
            #expect(settings["tile"] as? Int == 32 && settings["overlap"] as? Double == 0.25)
            #expect(settings["test_time_augmentation"] as? String == "full")
            let doubt = try #require(record["doubt"] as? [String: Double])
            #expect(
                Set(doubt.keys) == ["expected_error", "entropy", "mutual_information"] && doubt.values.allSatisfy { (0...1).contains($0) })
            let files = try #require(record["files"] as? [String])
            let map = try PictureFile.read(small.appending(path: try #require(files.last { $0.hasSuffix("_uncertainty.png") })))
            #expect(map.width == 64 && map.height == 64 && map.channels == 1 && Set(map.pixels).count > 8)
            // Other settings are other results.
            let again = try predict("--tile", "32", "--tta", "full", "--uncertainty", "--skip-done", to: small)
            expectDone(again)
            #expect(!again.error.contains("of them before"))
        }

        /// An ensemble of equal networks answers as one of them does.
        @Test func anEnsembleOfEqualsIsOne() throws {
            let (one, two) = (try Scratch.folder(), try Scratch.folder())
            expectDone(try predict(to: one))
            let outcome = try predict("--weights", Shared.weights.path, to: two)
            expectDone(outcome)
            #expect(outcome.error.contains("ensemble with \(Shared.weights.path)"))
            #expect(try bytes(one) == bytes(two))
            let digest = try #require(try records(one)[0]["weights_sha256"] as? String)
            #expect(try records(two)[0]["weights_sha256"] as? String == digest + "+" + digest)
            expectRefusal(try predict("--weights", Shared.nineClasses.path, to: two), naming: "network of")
        }

        /// Weights without a record take the usual input. An ensemble with others is refused with the
        /// difference and the option that settles it.
        @Test func ensemblesTakeOneInput() throws {
            let folder = try Scratch.folder()
            let (bare, small) = (folder.appending(path: "bare.safetensors"), folder.appending(path: "small.safetensors"))
            var weights = try WeightsFile.read(Shared.weights)
            weights.metadata = [:]
            try WeightsFile.write(weights, to: bare)
            expectDone(try predict("--weights", bare.path, "--image-size", "64", to: folder.appending(path: "usual")))
            weights.metadata = ["value_range": .string("0,1")]
            try WeightsFile.write(weights, to: small)
            let out = folder.appending(path: "other")
            let outcome = try predict("--weights", small.path, "--image-size", "64", to: out)
            expectRefusal(outcome, naming: "small.safetensors", "values of pictures 0…1, not 0…255", "does not record", "--value-range")
            #expect(!exists(out))
            expectDone(try predict("--weights", small.path, "--image-size", "64", "--value-range", "0,255", to: out))
        }

        /// No work is done for a result that cannot be kept, nor with options that would change nothing.
        @Test func mistakesShowBeforeTheWork() throws {
            let folder = try Scratch.folder(), out = folder.appending(path: "out")
            for (option, place, words) in [
                ("--csv", "nowhere/scores.csv", "does not exist"), ("--json", "nowhere/scores.json", "does not exist"),
                ("--csv", "", "is a folder"),
            ] {
                expectRefusal(try evaluate(option, folder.appending(path: place).path), naming: words, option)
            }
            for (options, words) in [
                (["--overlap", "0.25"], ["--overlap", "--tile"]), (["--clean-up", "2:largest"], ["--clean-up", "no label 2"]),
                (["--clean-up", "least=5mm3"], ["--clean-up", "least=5mm3", "px or %"]),
            ] {
                let predicted = try Tool.run(
                    ["predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", out.path] + options)
                let scored = try Tool.run(
                    ["evaluate", "--weights", Shared.weights.path, "--data", Shared.discs.path, "--dataset", "folder"] + options)
                for outcome in [predicted, scored] {
                    #expect(outcome.code == 64 && words.allSatisfy(outcome.error.contains), "\(outcome)")
                }
            }
            #expect(!exists(out))
        }

        /// The table and the JSON have equal numbers. Scores at the pictures' own size equal those
        /// at the network's size where the sizes are equal.
        @Test func scoresAsATable() throws {
            let folder = try Scratch.folder()
            let (table, file) = (folder.appending(path: "scores.csv"), folder.appending(path: "scores.json"))
            expectDone(try evaluate("--csv", table.path, "--json", file.path))
            let result = try json(text(file))
            let images = try #require(result["images"] as? [[String: Any]])
            let lines = try text(table).split(separator: "\n").map { line in
                line.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
            }
            #expect(lines[0].joined(separator: ",") == "name,label,class,tp,fp,fn,tn,miou,dsc,accuracy,specificity,sensitivity")
            #expect(lines.count == images.count + 1)
            for (line, image) in zip(lines.dropFirst(), images) {
                let scores = try #require(image["scores"] as? [String: Any])
                let pixels = line[3...6].compactMap { Int($0) }
                #expect(line[0] == image["name"] as? String && pixels.count == 4 && pixels.reduce(0, +) == 64 * 64)
                let (written, exact) = (try #require(Double(line[7])), try #require(scores["miou"] as? Double))
                #expect(abs(written - exact) < 1e-6)
            }
            let printed = try evaluate("--csv", "-")
            expectDone(printed)
            #expect(try printed.out.split(separator: "\n") == text(table).split(separator: "\n"))
            expectRefusal(try evaluate("--csv", "-", "--json", "-"), 64, naming: "--json - and --csv -")
            let own = try evaluate("--own-size", "--json", "-")
            expectDone(own)
            let pooled = try #require(try json(own.out)["pooled"] as? [String: Double])
            let before = try #require(result["pooled"] as? [String: Double])
            #expect(pooled == before)
            let tiled = try evaluate("--tile", "32", "--tta", "flips")
            expectDone(tiled)
            #expect(tiled.error.contains("8 pictures: 72 tiles of 32×32, 288 passes through the network"))
        }

        @Test func optionsThatContradictEachOther() throws {
            let folder = try Scratch.folder()
            expectRefusal(try predict("--tile", "40", to: folder), 64, naming: "--tile", "multiple of 32")
            expectRefusal(try predict("--tile", "64", "--image-size", "64", to: folder), 64, naming: "--tile", "--image-size")
            expectRefusal(try predict("--tile", "64", "--overlap", "1", to: folder), 64, naming: "--overlap")
            expectRefusal(try evaluate("--tta", "some"), 64, naming: "--tta")
            expectRefusal(try Tool.run("evaluate", "--data", Shared.discs.path), 64, naming: "--weights")
        }
    }
}

/// Clean-up and threshold: as options, tuned, and recorded with the weights.
extension ToolTests {
    @Suite struct TuneTests {
        @Test func cleanUpIsDoneAndRecorded() throws {
            let folder = try Scratch.folder()
            let command = ["predict", "--weights", Shared.weights.path, Shared.pictures.path, "--output", folder.path, "--clean-up"]
            expectDone(try Tool.run(command + ["least=100%"]))
            for name in results(folder) {
                #expect(try PictureFile.read(folder.appending(path: name)).pixels.allSatisfy { $0 == 0 })
            }
            let records = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: "predictions.json")))
            let settings = try #require((records as? [[String: Any]])?.first?["settings"] as? [String: Any])
            #expect(settings["clean_up"] as? String == "least=100%")
            expectRefusal(try Tool.run(command + ["everything"]), 64, naming: "--clean-up")
        }

        /// A handful of cases, or cases that show nothing, justify no setting.
        @Test func tuneNeedsCasesThatShowSomething() throws {
            let folder = try Scratch.folder()
            func tune(_ set: URL) throws -> Tool.Outcome {
                try Tool.run(
                    "tune", "--weights", Shared.weights.path, "--data", set.path, "--dataset", "folder", "--output",
                    folder.appending(path: "tuned.safetensors").path)
            }
            let few = try tune(Shared.discs)
            expectDone(few)
            #expect(few.error.contains("8 cases cannot show") && few.error.contains("no weights are written"))
            let healthy = folder.appending(path: "healthy")
            try Discs.write(train: 2, validation: 12, to: healthy)
            let masks = healthy.appending(path: "val/masks")
            for name in names(masks) {
                try PictureFile.write(Picture(width: 64, height: 64, channels: 1), to: masks.appending(path: name))
            }
            expectRefusal(try tune(healthy), naming: "healthy", "no truth here has any foreground")
            #expect(!exists(folder.appending(path: "tuned.safetensors")))
        }

        /// Tuning corrects a threshold that is far off, and the new file scores better.
        @Test func tuneKeepsWhatPays() throws {
            let folder = try Scratch.folder()
            let (off, tuned) = (folder.appending(path: "off.safetensors"), folder.appending(path: "off_tuned.safetensors"))
            var weights = try WeightsFile.read(Shared.weights)
            weights.metadata["threshold"] = .number(0.999)
            try WeightsFile.write(weights, to: off)
            let command = ["tune", "--weights", off.path, "--data", Shared.discs.path, "--dataset", "folder", "--split", "train"]
            let outcome = try Tool.run(command + ["--json"])
            expectDone(outcome)
            let found = try json(outcome.out)
            let steps = try #require(found["steps"] as? [[String: Any]])
            #expect(steps.compactMap { $0["name"] as? String } == ["temperature", "threshold", "clean-up of foreground"])
            #expect(steps[1]["kept"] as? Bool == true && found["cases"] as? Int == 48)
            let threshold = try #require(found["threshold"] as? Double)
            #expect(threshold < 0.999)
            #expect(try WeightsFile.read(tuned).metadata["threshold"]?.text == "\(threshold)")
            // An existing file is not overwritten unasked.
            expectRefusal(try Tool.run(command), naming: "off_tuned.safetensors", "--output")
            func score(_ weights: URL) throws -> (miou: Double, ranked: [String]) {
                let outcome = try Tool.run(
                    "evaluate", "--weights", weights.path, "--data", Shared.discs.path, "--dataset", "folder", "--json", "-",
                    "--calibration",
                    "--uncertainty")
                expectDone(outcome)
                let result = try json(outcome.out)
                let calibration = try #require(result["calibration"] as? [String: Any])
                let bins = try #require(calibration["bins"] as? [[String: Any]])
                #expect(bins.reduce(0) { $0 + ($1["pixels"] as? Int ?? 0) } == 8 * 64 * 64)
                let rankings = try #require(result["rankings"] as? [[String: Any]])
                let miou = try #require((result["pooled"] as? [String: Any])?["miou"] as? Double)
                return (miou, rankings.compactMap { $0["number"] as? String })
            }
            let (better, worse) = (try score(tuned), try score(off))
            #expect(better.miou > worse.miou)
            #expect(better.ranked == ["expected_error", "entropy"])
            #expect(worse.ranked.isEmpty, "nothing is found anywhere, so no case is worse than another")
        }
    }
}
