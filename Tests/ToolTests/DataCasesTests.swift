import Foundation
import Imaging
import Testing

extension ToolTests {
    /// Data sets as people have them: accepted and refused ones, and the messages.
    @Suite struct DataCasesTests {
        /// A set of discs with changed masks.
        private func set(
            train: Int = 6, validation: Int = 3, _ change: (_ split: String, _ index: Int, _ mask: inout Picture) -> Void
        ) throws -> URL {
            let folder = try Discs.folder(train: train, validation: validation)
            for split in ["train", "val"] {
                for (index, name) in names(folder.appending(path: split + "/masks")).enumerated() {
                    let file = folder.appending(path: "\(split)/masks/\(name)")
                    var mask = try PictureFile.read(file)
                    change(split, index, &mask)
                    try PictureFile.write(mask, to: file)
                }
            }
            return folder
        }

        private func train(_ data: URL, _ options: String...) throws -> Tool.Outcome {
            try Tool.run(
                [
                    "train", "--data", data.path, "--dataset", "folder", "--epochs", "1", "--run",
                    Scratch.folder().appending(path: "run").path,
                ]
                    + Shared.smallest + options)
        }

        private func evaluate(_ data: URL, _ options: String...) throws -> Tool.Outcome {
            try Tool.run(["evaluate", "--weights", Shared.weights.path, "--data", data.path, "--dataset", "folder"] + options)
        }

        private func check(_ data: URL, _ options: String...) throws -> Tool.Outcome {
            try Tool.run(["check", data.path, "--dataset", "folder"] + options)
        }

        // MARK: Masks

        @Test func healthyPictures() throws {
            let folder = try set { _, index, mask in if index == 1 { mask.pixels = mask.pixels.map { _ in 0 } } }
            let trained = try train(folder)
            expectDone(trained)
            #expect(
                trained.error.contains("training: 1 of 6 masks is empty") && trained.error.contains("validation: 1 of 3 masks is empty"))
            let outcome = try evaluate(folder, "--json", "-")
            expectDone(outcome)
            let result = try json(outcome.out)
            let empty = try #require(result["empty_pictures"] as? [String: Int])
            #expect(empty["count"] == 1 && (empty["found_empty"] ?? 0) + (empty["with_findings"] ?? 0) == 1)
            // The mean over pictures is the mean of the counted ones.
            let images = try #require(result["images"] as? [[String: Any]]).compactMap { $0["scores"] as? [String: Any] }
            let counted = images.compactMap { $0["miou"] as? Double }
            #expect(counted.count == 3 - (empty["found_empty"] ?? 0))
            let mean = try #require((result["per_image_mean"] as? [String: Double])?["miou"])
            #expect(abs(mean - counted.reduce(0, +) / Double(counted.count)) < 1e-12)
            expectDone(try check(folder))
        }

        @Test func nothingToLearn() throws {
            for value in [0, 255] as [UInt8] {
                let folder = try set { _, _, mask in mask.pixels = mask.pixels.map { _ in value } }
                expectRefusal(try train(folder), naming: "train/masks", value == 0 ? "empty" : "foreground everywhere")
                #expect(try check(folder).code == 65)
                // The same pictures without parts.
                let flat = try check(folder.appending(path: "train"))
                #expect(flat.code == 65 && flat.error.contains("no mask tells a foreground from a background"), "\(flat.error)")
            }
        }

        @Test func greyMasks() throws {
            // Smoothed by averaging 3×3 pixels.
            let folder = try set { _, _, mask in
                let old = mask
                for y in 1..<old.height - 1 {
                    for x in 1..<old.width - 1 {
                        mask[y, x] = UInt8((0..<9).reduce(0) { $0 + Int(old[y + $1 / 3 - 1, x + $1 % 3 - 1]) } / 9)
                    }
                }
            }
            let trained = try train(folder)
            expectDone(trained)
            #expect(trained.error.contains("training: 6 of 6 masks hold grey values") && trained.error.contains("data.mask_threshold"))
            // Thresholded at one half, an average of nine leaves a disc almost unchanged; a lower
            // threshold enlarges it.
            func foreground(_ options: String...) throws -> Double {
                let outcome = try Tool.run(["check", folder.path, "--dataset", "folder", "--json"] + options)
                expectDone(outcome)
                let parts = try #require(try json(outcome.out)["parts"] as? [[String: Any]])
                return try #require(parts[0]["foreground_percent"] as? Double)
            }
            #expect(try foreground("--mask-threshold", "0.1") > foreground() + 1)
            expectRefusal(try check(folder, "--mask-threshold", "1"), 64, naming: "--mask-threshold")
        }

        @Test func labelsThatNobodyGave() throws {
            let folder = try set { _, _, mask in
                mask.pixels = mask.pixels.map { $0 == 255 ? 1 : 0 }
                for x in 0..<mask.width { mask[0, x] = 255 }
            }
            expectRefusal(try train(folder), naming: "0, 1, 255", "--ignored-label 255")
            let trained = try train(folder, "--ignored-label", "255")
            expectDone(trained)
            #expect(trained.error.contains("6 of 6 masks have pixels that nobody labelled"))
            let several = try set { _, _, mask in
                mask.pixels = mask.pixels.enumerated().map { $1 == 255 ? ($0 % 64 < 32 ? 1 : 2) : 0 }
                mask[0, 0] = 255
            }
            expectRefusal(try train(several, "--classes", "3"), naming: "255", "--ignored-label 255")
            expectDone(try train(several, "--classes", "3", "--ignored-label", "255"))
        }

        @Test func labelsThatNothingHolds() throws {
            let folder = try set { _, _, mask in mask.pixels = mask.pixels.map { $0 == 255 ? 4 : 0 } }
            let outcome = try train(folder, "--classes", "5")
            expectDone(outcome)
            #expect(outcome.error.contains("training: labels 1, 2, 3 of 5 classes are in no mask"))
        }

        // MARK: Folders

        @Test func aSetWithoutValidation() throws {
            let folder = try Discs.folder(train: 10, validation: 1)
            try FileManager.default.removeItem(at: folder.appending(path: "val"))
            let outcome = try train(folder)
            expectDone(outcome)
            #expect(outcome.error.contains("2 of 10 pictures, drawn by the seed, held back"))
            #expect(outcome.error.contains("8 pictures to train on, 2 to validate"))
            let all = try train(folder, "--validation-fraction", "0")
            expectDone(all)
            #expect(all.error.contains("10 pictures to train on, 0 to validate"))
            let flat = try Scratch.folder()
            try FileManager.default.moveItem(at: folder.appending(path: "train"), to: flat.appending(path: "set"))
            expectDone(try train(flat.appending(path: "set")))
        }

        @Test func checkListsWhatIsWrong() throws {
            let folder = try Discs.folder(train: 4, validation: 2)
            expectDone(try check(folder))
            let masks = folder.appending(path: "train/masks")
            try FileManager.default.moveItem(at: masks.appending(path: "disc_00.png"), to: masks.appending(path: "other.png"))
            let cut = try Data(contentsOf: folder.appending(path: "val/images/disc_04.png")).prefix(200)
            try cut.write(to: folder.appending(path: "val/images/disc_04.png"))
            let outcome = try check(folder)
            #expect(outcome.code == 65)
            for word in ["picture without a mask: disc_00.png", "mask without a picture: other.png", "val/images/disc_04.png", "damaged"] {
                #expect(outcome.error.contains(word), "\(outcome.error)")
            }
            let listed = try json(check(folder, "--json").out)
            #expect(try #require(listed["problems"] as? [[String: String]]).count == 3)
            let missing = try check(folder.appending(path: "nowhere"))
            #expect(missing.code == 65 && missing.error.contains("nowhere") && missing.error.contains("no such folder"))
        }
    }
}
