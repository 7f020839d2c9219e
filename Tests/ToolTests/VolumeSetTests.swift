import Foundation
import TensorFiles
import Testing

extension ToolTests {
    /// A set of volumes in nnU-Net's layout, from `check` to the labels of a new case.
    @Suite struct VolumeSets {
        /// Six cases of two channels, 8 slices of 24×20 voxels of 1×1×4 mm, and `imagesTs` with one
        /// more.
        private func set(in folder: URL) throws {
            let shape = [8, 24, 20]
            for index in 0..<7 {
                var (image, labels) = ([Int16](), [UInt8]())
                for z in 0..<8 {
                    for y in 0..<24 {
                        for x in 0..<20 {
                            let (a, b, c) = (2 * (z - 4), y - 10 - index % 3, x - 9)
                            let isInside = a * a + b * b + c * c < 36
                            image.append((isInside ? 900 : 100) + Int16((x * 5 + y * 3 + z) % 7))
                            labels.append(isInside ? 1 : 0)
                        }
                    }
                }
                let (images, truths) = index < 6 ? ("imagesTr", "labelsTr") : ("imagesTs", "labelsTs")
                for (path, voxels) in [
                    ("\(images)/c\(index)_0000.nii.gz", HostTensor(image, shape: shape)),
                    ("\(images)/c\(index)_0001.nii.gz", HostTensor(image.map { 1000 - $0 }, shape: shape)),
                    ("\(truths)/c\(index).nii.gz", HostTensor(labels, shape: shape)),
                ] {
                    let url = folder.appending(path: path)
                    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
                    let geometry = VolumeGeometry(affine: [[-1, 0, 0, 30], [0, -1, 0, 40], [0, 0, 4, -20]])
                    try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: geometry), to: url)
                }
            }
            let json =
                #"{"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0, "ball": 1}, "numTraining": 6, "file_ending": ".nii.gz"}"#
            try Data(json.utf8).write(to: folder.appending(path: "dataset.json"))
        }

        @Test func fromCheckToPrediction() throws {
            let folder = try Scratch.folder()
            try set(in: folder.appending(path: "set"))
            let check = try Tool.run("check", "set", in: folder)
            #expect(
                check.code == 0 && check.out.contains("train: 6 samples") && check.out.contains("the plan: volumes"), "\(check)")

            let config = """
                data: {image_size: 32, neighbors: 0}
                network: {dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoder_depths: [1, 1, 1, 1], state_size: 4, drop_path: 0}
                optimizer: {learning_rate: 0.01}
                epochs: 8
                batch_size: 8
                workers: 1
                """
            try Data(config.utf8).write(to: folder.appending(path: "c.yaml"))
            let trained = try Tool.run(
                "train", "--data", "set", "--dataset", "nnunet", "--config", "c.yaml", "--run", "run", "--device", "cpu", in: folder)
            #expect(trained.code == 0 && trained.error.contains("4 cases to train on, 2 held back, fold 0"), "\(trained)")
            let saved = try String(contentsOf: folder.appending(path: "run/config.yaml"), encoding: .utf8)
            for line in ["voxel_order: \"RAS\"", "spacing: [4.0, 1.0, 1.0]", "channels: [\"T1\", \"T2\"]", "neighbors: 0"] {
                #expect(saved.contains(line), "\(line) in\n\(saved)")
            }

            let weights = "run/checkpoints/best.safetensors"
            let scored = try Tool.run(
                "evaluate", "--weights", weights, "--data", "set", "--dataset", "nnunet", "--split", "test", "--tolerance", "2", "--json",
                "-",
                in: folder)
            let scores = try #require(try JSONSerialization.jsonObject(with: Data(scored.out.utf8)) as? [String: Any])
            let strict = try #require(scores["strict"] as? [String: Any])
            #expect((strict["dice"] as? Double ?? 0) > 0.6 && strict["nsd_2"] is Double, "\(strict)")
            #expect(scored.out.contains("millimetres"))

            // Volumes in shares, one of which has none: the same scores, table and label maps.
            let set = ["evaluate", "--weights", weights, "--data", "set", "--dataset", "nnunet", "--split", "val", "--tolerance", "2"]
            let whole = try Tool.run(set + ["--json", "whole.json", "--csv", "whole.csv", "--predictions", "whole"], in: folder)
            #expect(whole.code == 0, "\(whole)")
            var last = whole
            for share in 1...3 {
                last = try Tool.run(
                    set + ["--json", "shared.json", "--csv", "shared.csv", "--predictions", "shared", "--shard", "\(share)/3"], in: folder)
                #expect(last.code == 0 && last.out.isEmpty == (share < 3), "\(last)")
            }
            #expect(last.out == whole.out)
            for kind in ["json", "csv"] {
                #expect(
                    try Data(contentsOf: folder.appending(path: "shared.\(kind)"))
                        == Data(contentsOf: folder.appending(path: "whole.\(kind)")))
            }
            for name in ["whole", "shared"] { #expect(names(folder.appending(path: name)).count == 2) }

            // The two files are one case; its labels have the input's affine and its name.
            let found = try Tool.run("predict", "--weights", weights, "set/imagesTs", "--output", "out", "--statistics", in: folder)
            #expect(found.code == 0 && !found.error.contains("mirrors"), "\(found)")
            let mirrored = try Tool.run("predict", "--weights", weights, "set/imagesTs", "--tta", "flips", "--output", "flips", in: folder)
            #expect(mirrored.code == 0 && mirrored.error.contains("--tta mirrors slices"), "\(mirrored)")
            let labels = try NIfTIFile.read(folder.appending(path: "out/c6.nii.gz"))
            #expect(labels.voxels.shape == [8, 24, 20] && labels.geometry.affine[0] == [-1, 0, 0, 30])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "out").path).contains("c6_statistics.csv"))
            // One channel alone is refused by name.
            let half = try Tool.run("predict", "--weights", weights, "set/imagesTs/c6_0001.nii.gz", "--output", "half", in: folder)
            #expect(half.code == 65 && half.error.contains("has 1 channel, the weights take 2 (T1, T2)"), "\(half)")
        }
    }
}
