import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// Inputs and weights as people have them: names, places, kinds.
    @Suite struct PredictionCasesTests {
        private func predict(_ arguments: String..., in folder: URL? = nil) throws -> Tool.Outcome {
            try Tool.run(["predict", "--weights", Shared.weights.path] + arguments, in: folder)
        }

        private func records(_ folder: URL) throws -> [[String: Any]] {
            let data = try Data(contentsOf: folder.appending(path: "predictions.json"))
            return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        }

        @Test func besideThePictureAndIntoAFile() throws {
            let folder = try Scratch.folder()
            let (picture, _) = Discs.pair(3)
            try PictureFile.write(picture, to: folder.appending(path: "photo.png"))
            let first = try predict("photo.png", in: folder)
            expectDone(first)
            #expect(names(folder) == ["photo.png", "photo_mask.png"])
            let mask = try PictureFile.read(folder.appending(path: "photo_mask.png"))
            let share = Double(mask.pixels.count { $0 == 255 }) / Double(mask.pixels.count) * 100
            let last = try #require(first.error.split(separator: "\n").last)
            #expect(last == "photo_mask.png: foreground \(String(format: "%.1f", share)) % of the picture")
            // An existing file may be the truth, so it is not replaced without --force.
            expectRefusal(try predict("photo.png", in: folder), naming: "photo_mask.png already exists", "--force")
            expectDone(try predict("photo.png", "--force", in: folder))
            expectDone(try predict("photo.png", "--output", "deep/found.png", "--overlay", in: folder))
            #expect(names(folder.appending(path: "deep")) == ["found.png", "found_overlay.png"])
            #expect(try PictureFile.read(folder.appending(path: "deep/found.png")) == mask)
            expectRefusal(try predict("photo.png", "--output", "found.nii.gz", in: folder), 64, naming: ".png")
            expectRefusal(try predict("photo.png", "--output", "found.jpg", in: folder), 64, naming: ".png")
            expectRefusal(try predict("photo.png", "photo_mask.png", "--output", "x.png", in: folder), 64, naming: "one input")
            let quiet = try predict("photo.png", "--output", "q", "--quiet", in: folder)
            expectDone(quiet)
            #expect(quiet.error.isEmpty && quiet.out.isEmpty)
        }

        @Test func whoseIsWhich() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            for name in ["s1/ct.png", "s2/ct.png", "s2/other.png", "notes.txt", "scan.dcm", "x.webp"] {
                let file = folder.appending(path: name)
                try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                if name.hasSuffix("png") {
                    try PictureFile.write(Discs.pair(name.count).picture, to: file)
                } else {
                    try Data("x".utf8).write(to: file)
                }
            }
            expectRefusal(try predict(folder.path, "--output", output.path), naming: "--recursive")
            let outcome = try predict(folder.path, "--recursive", "--output", output.path, "--json")
            expectDone(outcome)
            #expect(results(output) == ["other.png", "s1_ct.png", "s2_ct.png"])
            #expect(outcome.error.contains("s1/ct.png → s1_ct.png") && outcome.error.contains("skipped 1 dcm, 1 webp"))
            let digest = SHA256.hexadecimal(of: Array(try Data(contentsOf: Shared.weights)))
            let found = try records(output)
            #expect(
                found.compactMap { $0["input"] as? String } == ["s1/ct.png", "s2/ct.png", "s2/other.png"].map { folder.path + "/" + $0 })
            #expect(found.compactMap { ($0["files"] as? [String])?.first } == ["s1_ct.png", "s2_ct.png", "other.png"])
            for record in found {
                #expect(record["weights_sha256"] as? String == digest && record["version"] as? String == "0.1.0")
                let lesion = try #require((record["classes"] as? [[String: Any]])?.first)
                let file = try #require((record["files"] as? [String])?.first)
                let mask = try PictureFile.read(output.appending(path: file))
                #expect(lesion["pixels"] as? Int == mask.pixels.count { $0 == 255 })
                let settings = try #require(record["settings"] as? [String: Any])
                #expect(settings["image_size"] as? Int == 64 && settings["threshold"] as? Double == 0.5)
            }
            #expect(try #require(json(outcome.out)["predictions"] as? [[String: Any]]).count == 3)
        }

        @Test func doneIsLeftOut() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            for name in ["a", "b"] { try PictureFile.write(Discs.pair(1).picture, to: folder.appending(path: name + ".png")) }
            expectDone(try predict(folder.appending(path: "a.png").path, "--output", output.path))
            func written(_ name: String) throws -> Date? {
                try FileManager.default.attributesOfItem(atPath: output.appending(path: name).path)[.modificationDate] as? Date
            }
            let before = try written("a.png")
            let again = try predict(
                folder.appending(path: "a.png").path, folder.appending(path: "b.png").path, "--skip-done", "--output", output.path)
            expectDone(again)
            #expect(again.error.contains("2 of 2 segmented, 1 of them before"))
            #expect(try written("a.png") == before && results(output) == ["a.png", "b.png"])
            // Other settings give another result.
            let other = try predict(folder.appending(path: "a.png").path, "--threshold", "0.3", "--skip-done", "--output", output.path)
            expectDone(other)
            #expect(try written("a.png") != before)
        }

        /// Two patients' files of one typed name, one file by two spellings, and a file exchanged
        /// under its name.
        @Test func inputsAreKnownByTheirFiles() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            for (index, name) in ["p1", "p2", "p3"].enumerated() {
                try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
                try PictureFile.write(Discs.pair(index).picture, to: folder.appending(path: "\(name)/ct.png"))
            }
            func run(_ patient: String, _ path: String = "ct.png", _ more: String...) throws -> Tool.Outcome {
                let line = ["predict", "--weights", Shared.weights.path, "--image-size", "64", path, "--output", output.path] + more
                return try Tool.run(line, in: folder.appending(path: patient))
            }
            expectDone(try run("p1"))
            let mask = try Data(contentsOf: output.appending(path: "ct.png"))
            let other = try run("p2", "ct.png", "--skip-done")
            expectDone(other)
            #expect(other.error.contains("ct.png → p2_ct.png") && results(output) == ["ct.png", "p2_ct.png"])
            #expect(try Data(contentsOf: output.appending(path: "ct.png")) == mask && records(output).count == 2)
            let spelled = try run("p2", "../p1/ct.png", "--skip-done")
            #expect(spelled.error.contains("(done before)"))
            #expect(try results(output).count == 2 && records(output).count == 2)

            // A listed result outlives its input.
            try FileManager.default.removeItem(at: folder.appending(path: "p1"))
            expectDone(try run("p3"))
            #expect(results(output) == ["ct.png", "p2_ct.png", "p3_ct.png"])
            #expect(try Data(contentsOf: output.appending(path: "ct.png")) == mask)

            // Other content under the same path is work to do, and no silent one.
            try PictureFile.write(Discs.pair(7).picture, to: folder.appending(path: "p3/ct.png"))
            let changed = try run("p3", "ct.png", "--skip-done")
            expectDone(changed)
            #expect(changed.error.contains("1 input changed since") && results(output).count == 3)

            let table = try Data(contentsOf: output.appending(path: "predictions.json"))
            expectRefusal(
                try Tool.run(
                    ["predict", "--weights", Shared.weights.path, "ct.png", "--output", output.appending(path: "ct.png").path],
                    in: folder.appending(path: "p3")), naming: "predictions.json", "choose another name")
            #expect(try Data(contentsOf: output.appending(path: "ct.png")) == mask)
            #expect(try Data(contentsOf: output.appending(path: "predictions.json")) == table)
        }

        /// Whatever ends a run, its results keep their names; files that are no results are kept.
        @Test func resultsOfAKilledRunAreNotReplaced() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            for (index, name) in ["p1/a.png", "p1/b.png", "p1/c.png", "p2/a.png", "p2/d.png"].enumerated() {
                let file = folder.appending(path: name)
                try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try PictureFile.write(Discs.pair(index, size: 1024).picture, to: file)
            }
            // A table that a killed process leaves: everything listed, one result there.
            let line = ["predict", "--weights", Shared.weights.path, "--tile", "64", "--overlap", "0.5", folder.appending(path: "p1").path]
            let running = try Running(try #require(Tool.binary), line + ["--output", output.path])
            while running.isRunning, !exists(output.appending(path: "a.png")) { usleep(2000) }
            running.send(SIGKILL)
            _ = try running.outcome()
            let left = results(output)
            let mask = try Data(contentsOf: output.appending(path: "a.png"))
            #expect(!left.isEmpty)
            #expect(try records(output).count == 3)
            try Data("mine".utf8).write(to: output.appending(path: "d.png"))
            let outcome = try predict(folder.appending(path: "p2").path, "--image-size", "64", "--output", output.path)
            #expect(
                outcome.code == 65 && outcome.error.contains("d.png exists already") && outcome.error.contains("--force"),
                "\(outcome.error)")
            #expect(try Data(contentsOf: output.appending(path: "a.png")) == mask && exists(output.appending(path: "p2_a.png")))
            #expect(try Data(contentsOf: output.appending(path: "d.png")) == Data("mine".utf8))
            expectDone(try predict(folder.appending(path: "p1").path, "--image-size", "64", "--skip-done", "--output", output.path))
            #expect(try records(output).filter { $0["error"] == nil }.count == 4)
        }

        /// Two runs into one folder take turns, so that both are listed.
        @Test func runsIntoOneFolderTakeTurns() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            for name in ["p1", "p2"] {
                try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
                try PictureFile.write(Discs.pair(name.count).picture, to: folder.appending(path: "\(name)/ct.png"))
            }
            let held = open(output.path, O_RDONLY)
            #expect(flock(held, LOCK_EX) == 0)
            let runs = try ["p1", "p2"].map { name in
                try Running(
                    try #require(Tool.binary),
                    ["predict", "--weights", Shared.weights.path, "--image-size", "64", "ct.png", "--output", output.path],
                    in: folder.appending(path: name))
            }
            usleep(1_500_000)
            #expect(results(output).isEmpty && runs.allSatisfy(\.isRunning))
            close(held)
            for run in runs {
                let outcome = try run.outcome()
                expectDone(outcome)
                #expect(outcome.error.contains("waiting for it to end"))
            }
            #expect(try results(output).count == 2 && records(output).count == 2)
        }

        /// Neither an overlong name nor a damaged picture stops the others.
        @Test func oneInputEndsNoOther() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let picture = Discs.pair(1, size: 32).picture
            let long = String(repeating: "n", count: 245)
            for name in ["a", long, "z"] { try PictureFile.write(picture, to: folder.appending(path: name + ".png")) }
            let outcome = try predict(folder.path, "--probabilities", "--output", output.path)
            expectRefusal(outcome, naming: "nnn.png", "261 bytes long", "rename it")
            #expect(results(output) == ["a.png", "a_probability.png", "z.png", "z_probability.png"])
            #expect(try records(output).count { $0["error"] != nil } == 1)
        }

        @Test func volumesAndPicturesHaveTheirOwnWeights() throws {
            let (folder, output) = (try Scratch.folder(), try Scratch.folder())
            let values: [Float] = (0..<4800).map { Float($0 % 50) }
            let voxels = HostTensor(values, shape: [3, 40, 40])
            let volume = folder.appending(path: "ct.nii.gz")
            try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 2])), to: volume)
            expectRefusal(try predict(volume.path, "--output", output.path), naming: "ct.nii.gz", "trained on pictures", "--force")
            let forced = try predict(volume.path, "--force", "--output", output.appending(path: "seg.nii").path)
            expectDone(forced)
            #expect(results(output) == ["seg.nii"])
            let written = Array(try Data(contentsOf: output.appending(path: "seg.nii")))
            let digest = SHA256.hexadecimal(of: Array(try Data(contentsOf: Shared.weights)))
            let description = String(decoding: written[148..<228].prefix { $0 != 0 }, as: UTF8.self)
            #expect(description == "vmunet 0.1.0, weights sha256 \(digest.prefix(32))")
            #expect(forced.error.contains("3 slices of 40×40") && forced.error.contains("3 passes through the network"))
        }

        @Test func namesAreShownWithoutSteeringTheTerminal() throws {
            let folder = try Scratch.folder()
            let name = "red\u{1B}[31m\u{9B}x\u{202E}.png"
            try Data("no picture".utf8).write(to: folder.appending(path: name))
            let outcome = try predict(folder.path, "--output", folder.appending(path: "o").path)
            #expect(outcome.code == 65)
            for text in [outcome.error, outcome.out] {
                let isRaw = { (value: UInt32) -> Bool in (value < 0x20 && value != 0x0A) || (0x7F...0x9F).contains(value) || value == 0x202E
                }
                #expect(!text.unicodeScalars.contains { isRaw($0.value) })
            }
            let settings = folder.appending(path: "esc.yaml")
            try Data("\"\\e[31mred\\x07\": 1\n".utf8).write(to: settings)
            let trained = try Tool.run("train", "--data", Shared.discs.path, "--config", settings.path)
            #expect(trained.code == 65 && !trained.error.contains("\u{1B}"))
            let option = try Tool.run("predict", "--\u{1B}[31m")
            #expect(option.code == 64 && !option.error.contains("\u{1B}"))
        }

        // MARK: Weights

        /// Metadata goes from training to prediction in either format of weights.
        @Test func weightsCarryWhatTheyWereTrainedOn() throws {
            let folder = try Scratch.folder()
            let weights = try WeightsFile.read(Shared.weights)
            #expect(weights.metadata["format_version"]?.text == "1" && weights.metadata["input"]?.text == "pictures")
            #expect(weights.metadata["value_range"]?.text == "0,255" && weights.metadata["image_size"]?.integerValue == 64)
            let converted = folder.appending(path: "w.pth")
            expectDone(try Tool.run("convert", Shared.weights.path, converted.path))
            #expect(try WeightsFile.read(converted).metadata["input"]?.text == "pictures")
            for file in [Shared.weights, converted] {
                let outcome = try Tool.run(
                    "predict", "--weights", file.path, Shared.pictures.path, "--output",
                    folder.appending(path: file.lastPathComponent + ".d").path)
                expectDone(outcome)
                #expect(outcome.error.contains("weights: \(file.lastPathComponent), pictures (folder), 64×64, values 0…255, threshold 0.5"))
            }
            var newer = weights
            newer.metadata["format_version"] = .integer(9)
            try WeightsFile.write(newer, to: folder.appending(path: "newer.safetensors"))
            let refused = try Tool.run(
                "predict", "--weights", folder.appending(path: "newer.safetensors").path, Shared.pictures.path, "--output", folder.path)
            expectRefusal(refused, naming: "form 9", "newer vmunet")
        }
    }
}
