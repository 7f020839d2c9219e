import Foundation
import Imaging
import Testing

extension ToolTests {
    /// Findings of `check` that are no faults.
    @Suite struct SetCheckTests {
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
            #expect(text.out.contains("train: 1 pair of pictures show the same (lesion_00002 and zz_copy)"))
            #expect(text.out.contains("train and val share 1 pair of pictures") && text.out.contains("train and val share 3 groups"))
        }
    }
}
