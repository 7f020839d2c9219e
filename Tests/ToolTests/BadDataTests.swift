import Foundation
import Imaging
import Testing

extension ToolTests {
    /// Sets that cannot be trained on: refused before anything is written, naming the file and the
    /// remedy.
    @Suite struct BadDataTests {
        private func expectRefused(
            _ set: URL, naming words: String..., options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let run = try Scratch.folder().appending(path: "run")
            let outcome = try Tool.run(["train", "--data", set.path, "--dataset", "folder", "--run", run.path] + Shared.smallest + options)
            expectRefusal(outcome, sourceLocation: sourceLocation)
            for word in words { #expect(outcome.error.contains(word), "\(outcome.error)", sourceLocation: sourceLocation) }
            #expect(!exists(run), "a run's folder was created", sourceLocation: sourceLocation)
        }

        private func file(_ set: URL, _ path: String) -> URL { set.appending(path: path) }

        @Test func folders() throws {
            let set = try Scratch.folder()
            try expectRefused(set.appending(path: "nowhere"), naming: "nowhere", "no such folder")
            try expectRefused(set, naming: "train/images", "empty", "Put pictures")
            try expectRefused(Shared.nineClasses, naming: "is a file")
            for part in ["train", "val"] {
                for kind in ["images", "masks"] {
                    try FileManager.default.createDirectory(at: set.appending(path: "\(part)/\(kind)"), withIntermediateDirectories: true)
                }
            }
            try expectRefused(set, naming: "no picture has a mask", "NAME.jpg with NAME.png")
        }

        @Test func pairsThatAreNone() throws {
            let set = try Discs.folder()
            try FileManager.default.removeItem(at: file(set, "train/masks/disc_03.png"))
            try expectRefused(set, naming: "picture without a mask: disc_03.png")
            try FileManager.default.removeItem(at: file(set, "train/images/disc_03.png"))
            try FileManager.default.removeItem(at: file(set, "val/images/disc_09.png"))
            try expectRefused(set, naming: "mask without a picture: disc_09.png")
        }

        @Test func sizesThatDiffer() throws {
            let set = try Discs.folder()
            try PictureFile.write(Discs.pair(3, size: 48).mask, to: file(set, "train/masks/disc_03.png"))
            try expectRefused(set, naming: "disc_03.png", "48×48", "64×64", "size")
        }

        @Test func picturesThatAreNone() throws {
            let set = try Discs.folder()
            let picture = file(set, "train/images/disc_02.png")
            try Data().write(to: picture)
            try expectRefused(set, naming: "disc_02.png", "empty", "download it again")
            try Data("<!DOCTYPE html><html></html>".utf8).write(to: picture)
            try expectRefused(set, naming: "disc_02.png", "HTML", "Download the file itself")
            try Data([UInt8](repeating: 7, count: 400)).write(to: picture)
            try expectRefused(set, naming: "disc_02.png")
        }

        @Test func masksThatAreNone() throws {
            let set = try Discs.folder()
            let mask = file(set, "train/masks/disc_05.png")
            let good = try PictureFile.read(mask)

            try (try Data(contentsOf: file(set, "train/masks/disc_06.png"))).prefix(90).write(to: mask)
            try expectRefused(set, naming: "disc_05.png", "ends too early")

            var labels = good
            for i in labels.pixels.indices { labels.pixels[i] = UInt8(i % 5) }
            try PictureFile.write(labels, to: mask)
            try expectRefused(set, naming: "problems", "disc_05.png", "0…2", "holds 4", "at least 5 classes", options: ["--classes", "3"])
        }

        @Test func manyFaultsInOneList() throws {
            let set = try Discs.folder(train: 20)
            for index in 0..<15 { try Data().write(to: file(set, String(format: "train/images/disc_%02d.png", index))) }
            try expectRefused(set, naming: "15 problems", "disc_00.png", "disc_09.png", "and 5 more")
        }

        /// A picture with a valid header but a missing end fails when it is first read; the
        /// training until then is saved.
        @Test func aPictureThatIsCutOff() throws {
            let (set, folder) = (try Discs.folder(), try Scratch.folder())
            let picture = file(set, "train/images/disc_04.png")
            let whole = try Data(contentsOf: picture)
            let run = folder.appending(path: "run")
            let arguments = ["train", "--data", set.path, "--dataset", "folder", "--epochs", "1"] + Shared.smallest
            try whole.prefix(whole.count - 900).write(to: picture)
            expectRefusal(try Tool.run(arguments + ["--run", run.path]), naming: "disc_04.png", "ends too early", "--resume --run")
            #expect(exists(run.appending(path: "checkpoints/last.safetensors")))

            try whole.write(to: picture)
            expectDone(try Tool.run("train", "--resume", "--run", run.path))
            let never = folder.appending(path: "never")
            expectDone(try Tool.run(arguments + ["--run", never.path]))
            let path = "checkpoints/last.safetensors"
            #expect(try Data(contentsOf: run.appending(path: path)) == Data(contentsOf: never.appending(path: path)))
        }

        /// `ignored_label` accepts unlabelled pixels and leaves them out of everything.
        @Test func ignoredLabels() throws {
            let (set, folder) = (try Discs.folder(), try Scratch.folder())
            for part in ["train", "val"] {
                for name in names(set.appending(path: "\(part)/masks")) {
                    let url = set.appending(path: "\(part)/masks/\(name)")
                    var mask = try PictureFile.read(url)
                    for i in mask.pixels.indices { mask.pixels[i] = i < 64 ? 255 : mask.pixels[i] / 255 }
                    try PictureFile.write(mask, to: url)
                }
            }
            try expectRefused(set, naming: "255", options: ["--classes", "2"])
            let settings = folder.appending(path: "ignore.yaml")
            try Data("data: {classes: 2, ignored_label: 255}\nepochs: 1\n".utf8).write(to: settings)
            let run = folder.appending(path: "run")
            expectDone(
                try Tool.run(
                    ["train", "--config", settings.path, "--data", set.path, "--dataset", "folder", "--run", run.path] + Shared.smallest))

            // The weights record the label, so they can be scored on such masks; each mask's first
            // row is ignored.
            let weights = run.appending(path: "checkpoints/best.safetensors")
            let outcome = try Tool.run(
                "evaluate", "--weights", weights.path, "--data", set.path, "--dataset", "folder", "--image-size", "64", "--json", "-")
            expectDone(outcome)
            let classes = try #require(try json(outcome.out)["classes"] as? [[String: Any]])
            for item in classes {
                let counts = try #require(item["counts"] as? [String: Int])
                let counted: Int = counts.values.reduce(0, +)
                #expect(counted == 16128, "\(counts)")  // four masks of 64 × 64, without a row of 64 each
            }
            #expect(classes.count == 2)
        }
    }
}
