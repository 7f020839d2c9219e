import Foundation
import Imaging
import Testing

extension ToolTests {
    /// Findings of `check` that are no faults.
    @Suite struct SetCheckTests {
        /// nnU-Net's folders hold volumes here; the way out for pictures is named.
        @Test(arguments: [("imagesTr", "labelsTr"), ("images", "labels"), ("train/images", "train/labels")])
        func picturesInFoldersForVolumes(images: String, labels: String) throws {
            let folder = try Scratch.folder()
            for (part, name) in [(images, "a_0000.png"), (labels, "a.png")] {
                let place = folder.appending(path: part)
                try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
                try PictureFile.write(Picture(width: 64, height: 64, channels: 1), to: place.appending(path: name))
            }
            // Without a word it is a set of pictures, whose masks are missing, unless it has nnU-Net's names.
            for given in [[], ["--dataset", "nnunet"]] {
                let outcome = try Tool.run(["check", folder.path] + given)
                #expect(outcome.code == 65 && outcome.error.contains("masks"), "\(outcome.error)")
                guard images == "imagesTr" || !given.isEmpty else { continue }
                #expect(outcome.error.contains("\(images) holds pictures, not volumes") && outcome.error.contains("--dataset folder"))
            }
        }

        /// Folders that may not be listed are not called empty.
        @Test(.enabled(if: getuid() != 0, "the superuser may list every folder"), arguments: [nil, "folder", "nnunet", "synapse"])
        func closedFolders(dataset: String?) throws {
            for part in ["", "images", "imagesTr", "lists", "val"] {
                let folder = try Scratch.folder()
                let closed = folder.appending(path: part)
                for name in [part, "labels", "labelsTr", "masks"] where !name.isEmpty {
                    try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
                }
                try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: closed.path)
                defer { try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: closed.path) }
                let outcome = try Tool.run(["check", folder.path] + (dataset.map { ["--dataset", $0] } ?? []))
                #expect(outcome.code == 65, "\(part), \(dataset ?? ""): \(outcome.error)")
                guard dataset == nil || part.isEmpty else { continue }
                #expect(outcome.error.contains("cannot be listed") && outcome.error.contains(part), "\(outcome.error)")
            }
        }

        /// A picture twice in a part and once more, mirrored, in the other; two patients in both.
        @Test func doublesLeaksAndShares() throws {
            let folder = try Scratch.folder()
            try LesionGenerator.write(train: 6, validation: 3, size: 64, to: folder)
            func file(_ split: String, _ kind: String, _ name: String) -> URL { folder.appending(path: "\(split)/\(kind)/\(name)") }
            for (kind, ending) in [("images", "jpg"), ("masks", "png")] {
                try FileManager.default.copyItem(
                    at: file("train", kind, "lesion_00002.\(ending)"), to: file("train", kind, "zz_copy.\(ending)"))
                let picture = try PictureFile.read(file("train", kind, "lesion_00004.\(ending)"))
                var mirrored = picture
                for y in 0..<picture.height {
                    for x in 0..<picture.width {
                        for c in 0..<picture.channels { mirrored[y, x, c] = picture[y, picture.width - 1 - x, c] }
                    }
                }
                try PictureFile.write(mirrored, to: file("val", kind, "zz_mirrored.\(ending)"))
            }
            let names = names(folder.appending(path: "train/images")) + names(folder.appending(path: "val/images"))
            let table = names.enumerated().map { "\($1),patient \($0 % 8)" }.joined(separator: "\n")
            let groups = folder.appending(path: "groups.csv")
            try Data(table.utf8).write(to: groups)

            let outcome = try Tool.run("check", folder.path, "--dataset", "folder", "--groups", groups.path, "--json")
            expectDone(outcome)
            let found = try json(outcome.out)
            let doubles = try #require(found["doubles"] as? [[String: Any]])
            #expect(doubles.compactMap { $0["names"] as? [String] } == [["lesion_00002", "zz_copy"], ["lesion_00004", "zz_mirrored"]])
            #expect(doubles.compactMap { $0["parts"] as? [String] } == [["train", "train"], ["train", "val"]])
            #expect(doubles.compactMap { $0["is_turned"] as? Bool } == [false, true])
            let leaks = try #require(found["leaks"] as? [[String: Any]])
            #expect(leaks.count == 1 && leaks[0]["groups"] as? Int == 3)
            let parts = try #require(found["parts"] as? [[String: Any]])
            for part in parts {
                let shares = try #require(part["label_percent"] as? [Double])
                let foreground = try #require(part["foreground_percent"] as? Double)
                #expect(shares.count == 2 && abs(shares[0] + shares[1] - 100) < 1e-6 && abs(shares[1] - foreground) < 1e-6)
                let grey = try #require(part["brightness"] as? [Double])
                #expect(grey.count == 2 && grey[0] > 40 && grey[0] < 240 && grey[1] > 0)
            }
            let text = try Tool.run("check", folder.path, "--dataset", "folder", "--groups", groups.path)
            #expect(text.out.contains("train: 1 pair of pictures shows the same (lesion_00002 and zz_copy)"))
            #expect(text.out.contains("train and val share 1 pair of pictures") && text.out.contains("train and val share 3 groups"))
        }

        /// Small pictures are not enlarged; twelve of 48 pictures leave four steps an epoch.
        @Test func advice() throws {
            let outcome = try Tool.run("check", Shared.discs.path, "--dataset", "folder", "--json")
            expectDone(outcome)
            let advice = try #require(try json(outcome.out)["advice"] as? [String: Any])
            let pictures = try #require(advice["pictures"] as? [String: Any])
            #expect(advice["image_size"] as? Int == 64 && pictures["patch_size"] == nil && pictures["rarest_class"] == nil)
            let network = try #require(advice["network"] as? [String: Any])
            #expect(network["preset"] as? String == "small" && network["batch_size"] as? Int == 8)
            let memory = try #require(network["memory_bytes"] as? Int)
            #expect(memory > 300_000_000 && memory < 600_000_000)
            let text = try Tool.run("check", Shared.discs.path, "--dataset", "folder")
            let heading = "settings that suit it and this machine (train --auto takes them):"
            #expect(text.out.contains(heading + "\n  --image-size 64: 48 masks resized to 64×64 and back keep a mean Dice of 100.0 %"))
            #expect(text.out.contains("\n  --preset small: ") && text.out.contains("\n  --batch-size 8: leaves four steps an epoch; "))
        }

        /// `train --auto` takes the advice, says so, and leaves given settings alone.
        @Test func trainingTakesAdvice() throws {
            let folder = try Scratch.folder()
            let start = ["train", "--data", Shared.discs.path, "--dataset", "folder", "--auto", "--epochs", "1", "--device", "cpu"]
            let network = ["--dims", "8,16,32,64", "--depths", "1,1,1,1", "--decoder-depths", "1,1,1,1"]
            func settings(_ name: String, _ options: [String], notes: String...) throws -> String {
                let run = folder.appending(path: name)
                let outcome = try Tool.run(start + options + ["--run", run.path])
                expectDone(outcome)
                for note in notes { #expect(outcome.error.contains(note), "\(outcome.error)") }
                return try String(contentsOf: run.appending(path: "config.yaml"), encoding: .utf8)
            }
            let chosen = try settings(
                "chosen", network, notes: "auto: --image-size 64: ", "auto: --batch-size 8: ", "an epoch of 48 pictures takes about 0:")
            #expect(chosen.contains("image_size: 64") && chosen.contains("batch_size: 8"))
            let given = try settings("given", network + ["--patch-size", "32", "--batch-size", "24"])
            #expect(given.contains("patch_size: 32") && given.contains("batch_size: 24"))
            let preset = try settings("preset", ["--image-size", "32", "--pictures", "4"], notes: "auto: --preset small: ")
            #expect(preset.contains("image_size: 32") && preset.contains("batch_size: 1\n"))
            // A resumed run keeps the choice, also where the command is the one that began it.
            let resumed = start.filter { $0 != "1" && $0 != "--epochs" } + network
            let outcome = try Tool.run(resumed + ["--resume", "--epochs", "2", "--run", folder.appending(path: "chosen").path])
            expectDone(outcome)
            #expect(outcome.error.contains("epoch   2") && !outcome.error.contains("auto: --"))
        }
    }
}
