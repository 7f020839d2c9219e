import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// Weights carry what they were trained on: from each layout through training, both formats,
    /// prediction, scores, the report and further training.
    @Suite struct MetadataTests {
        /// A set to train on, and what its weights must say.
        struct Origin: Sendable, CustomTestStringConvertible {
            let name: String
            let dataset: String
            /// Further settings of the data, as YAML.
            var settings = ""
            let metadata: [String: String]
            /// The line that `predict` prints, after the weights' name.
            let line: String
            var testDescription: String { name }
            var isOfVolumes: Bool { dataset == "synapse" }
        }

        private static let colors = "#000000,#56b4e9,#e69f00"

        static let origins = [
            Origin(
                name: "pictures of three classes", dataset: "folder",
                settings: "classes: 3, class_names: [ground, \"left, upper\", right], modality: photography",
                metadata: [
                    "input": "pictures", "modality": "photography", "value_range": "0,255", "input_channels": "3", "dataset": "folder",
                    "class_names": #"["ground","left, upper","right"]"#, "class_colors": colors, "image_size": "32",
                ], line: "photography pictures (folder), classes left, upper; right, 32×32, values 0…255"),
            Origin(
                name: "ISIC 2017", dataset: "isic17",
                metadata: [
                    "input": "pictures", "modality": "dermoscopy", "value_range": "0,255", "input_channels": "3", "dataset": "isic17",
                    "class_names": "background,lesion", "threshold": "0.5", "image_size": "32",
                ], line: "dermoscopy pictures (isic17), 32×32, values 0…255, threshold 0.5"),
            Origin(
                name: "ISIC 2018", dataset: "isic18", settings: "ignored_label: 7",
                metadata: [
                    "input": "pictures", "modality": "dermoscopy", "value_range": "0,255", "dataset": "isic18", "ignored_label": "7",
                ], line: "dermoscopy pictures (isic18), 32×32, values 0…255, threshold 0.5, label 7 ignored"),
            Origin(
                name: "Synapse's layout, CT", dataset: "synapse", settings: "modality: CT, window: \"-125,275\", voxel_order: RAS",
                metadata: [
                    "input": "volumes", "modality": "CT", "window": "-125,275", "voxel_order": "RAS", "value_range": "0,1",
                    "input_channels": "1", "dataset": "synapse", "class_names": "background,disc,block,dot",
                    "class_colors": colors + ",#009e73",
                ], line: "CT volumes (synapse), classes disc, block, dot, window -125,275, voxel order RAS, 32×32, values 0…1"),
            Origin(
                name: "ACDC in Synapse's layout, MR", dataset: "synapse",
                settings: "window: percentiles, voxel_order: LPS, spacing: [10, 1.4, 1.4]",
                metadata: [
                    "input": "volumes", "modality": "MRI", "window": "percentiles", "voxel_order": "LPS", "spacing": "10,1.4,1.4",
                    "value_range": "0,1", "class_names": "background,RV,MYO,LV", "format_version": "1",
                ], line: "MRI volumes (synapse), classes RV, MYO, LV, window percentiles, voxel order LPS, 32×32, values 0…1"),
        ]

        // MARK: Sets

        /// A small set of the origin's layout, and a file beside it to predict on.
        private func make(_ origin: Origin, in folder: URL) throws -> (set: URL, input: URL) {
            let set = folder.appending(path: "set")
            guard origin.isOfVolumes else {
                try Discs.write(train: 6, validation: 2, size: 32, to: set)
                if origin.dataset == "folder" { try labelHalves(of: set) }
                return (set, set.appending(path: "val/images/disc_06.png"))
            }
            let fixture = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "SegmentationTests/Fixtures/SynapseSet")
            try FileManager.default.copyItem(at: fixture, to: set)
            if origin.name.hasPrefix("ACDC") {
                let names = #"{"channel_names": {"0": "MRI"}, "labels": {"background": 0, "RV": 1, "MYO": 2, "LV": 3}}"#
                try Data(names.utf8).write(to: set.appending(path: "dataset.json"))
            }
            let values: [Float] = (0..<1440).map { (index: Int) -> Float in Float(index * 7 % 400 - 125) }
            let voxels = HostTensor(values, shape: [3, 24, 20])
            let input = folder.appending(path: "scan.nii.gz")
            try NIfTIFile.write(VolumeImage(voxels: voxels, geometry: VolumeGeometry(spacing: [1, 1, 2])), to: input)
            return (set, input)
        }

        /// The right half of each disc becomes the label 2, the left one 1.
        private func labelHalves(of set: URL) throws {
            for part in ["train", "val"] {
                let masks = set.appending(path: "\(part)/masks")
                for name in names(masks) {
                    var mask = try PictureFile.read(masks.appending(path: name))
                    for y in 0..<32 { for x in 0..<32 where mask[y, x] > 0 { mask[y, x] = x < 16 ? 1 : 2 } }
                    try PictureFile.write(mask, to: masks.appending(path: name))
                }
            }
        }

        // MARK: From training to results

        @Test(arguments: origins) func goesWithTheWeights(_ origin: Origin) throws {
            let folder = try Scratch.folder()
            let (set, input) = try make(origin, in: folder)
            let settings = folder.appending(path: "settings.yaml")
            try Data("data: {path: \"\(set.path)\", dataset: \(origin.dataset), \(origin.settings)}\n".utf8).write(to: settings)
            let run = folder.appending(path: "run")
            expectDone(try train(settings, run, "--epochs", "1"))
            let best = run.appending(path: "checkpoints/best.safetensors")
            let weights = try WeightsFile.read(best)
            for (key, value) in origin.metadata { #expect(weights.metadata[key]?.text == value, "\(key)") }

            // Either format holds the same, after each other too.
            let (pth, again) = (folder.appending(path: "w.pth"), folder.appending(path: "w.safetensors"))
            expectDone(try Tool.run("convert", best.path, pth.path))
            expectDone(try Tool.run("convert", pth.path, again.path))
            for file in [pth, again] {
                let copy = try WeightsFile.read(file)
                #expect(
                    copy.metadata.mapValues(\.text).filter { $0.key != "epoch" }
                        == weights.metadata.mapValues(\.text).filter { $0.key != "epoch" })
                #expect(Set(copy.keys) == Set(weights.keys))
                for (key, tensor) in weights { #expect(copy[key] == tensor, "\(key)") }
            }

            try predictAndScore(origin, input, set, [best, pth], in: folder)
            try goOnTraining(settings, [best, pth], in: folder)

            let page = folder.appending(path: "page.html")
            expectDone(try Tool.run("report", run.path, "--output", page.path))
            let kept = try Tool.run("report", run.path, "--output", pth.path)
            #expect(kept.code == 65 && kept.error.contains("is no page"), "\(kept.error)")
            let html = try text(page)
            let digest = SHA256.hexadecimal(of: Array(try Data(contentsOf: best)))
            for word in [origin.line, digest, "vmunet 0.1.0"] { #expect(html.contains(word), "\(word)") }
        }

        private func train(_ settings: URL, _ run: URL, _ options: String...) throws -> Tool.Outcome {
            let network = ["--dims", "8,16,32,64", "--depths", "1,1,1,1", "--decoder-depths", "1,1,1,1"]
            return try Tool.run(
                ["train", "--config", settings.path, "--run", run.path, "--image-size", "32", "--batch-size", "4", "--device", "cpu"]
                    + network + options)
        }

        /// Both files give the same result, and say the same once.
        private func predictAndScore(_ origin: Origin, _ input: URL, _ set: URL, _ files: [URL], in folder: URL) throws {
            var masks: [[UInt8]] = [], tables: [String] = []
            for file in files {
                let output = folder.appending(path: "\(file.lastPathComponent).d")
                let predicted = try Tool.run("predict", "--weights", file.path, input.path, "--output", output.path)
                expectDone(predicted)
                let line = "weights: \(file.lastPathComponent), \(origin.line)"
                #expect(predicted.error.components(separatedBy: line).count == 2, "\(predicted.error)")
                #expect(!predicted.error.contains("assuming"), "\(predicted.error)")
                let name = try #require(results(output).first { $0.hasSuffix(".png") || $0.hasSuffix(".nii.gz") })
                let mask = output.appending(path: name)
                masks.append(origin.isOfVolumes ? try NIfTIFile.read(mask).voxels.bytes : Array(try Data(contentsOf: mask)))
                try expectProvenance(origin, file, output)
                let scored = try Tool.run("evaluate", "--weights", file.path, "--data", set.path, "--dataset", origin.dataset)
                expectDone(scored)
                #expect(scored.error.contains(line), "\(scored.error)")
                tables.append(scored.out)
            }
            #expect(masks[0] == masks[1] && tables[0] == tables[1])
        }

        /// `predictions.json`, and a NIfTI's description.
        private func expectProvenance(_ origin: Origin, _ weights: URL, _ output: URL) throws {
            let list = try JSONSerialization.jsonObject(with: Data(contentsOf: output.appending(path: "predictions.json")))
            let record = try #require((list as? [[String: Any]])?.first)
            let digest = SHA256.hexadecimal(of: Array(try Data(contentsOf: weights)))
            #expect(record["version"] as? String == "0.1.0" && record["weights_sha256"] as? String == digest)
            let settings = try #require(record["settings"] as? [String: Any])
            for key in ["window", "voxel_order"] { #expect(settings[key] as? String == origin.metadata[key]) }
            #expect(settings["value_range"] as? Double == (origin.isOfVolumes ? 1 : 255) && settings["image_size"] as? Int == 32)
            let found = (record["classes"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
            let known = ["left, upper", "right", "lesion", "disc", "block", "dot", "RV", "MYO", "LV"]
            #expect(found.allSatisfy(known.contains), "\(found)")
            guard origin.isOfVolumes else { return }
            let header = try NIfTIFile.header(output.appending(path: "scan.nii.gz"))
            #expect(header.shape == [3, 24, 20])
            let unpacked = output.appending(path: "plain.nii")
            expectDone(try Tool.shell("gzip -dc \"$2\" > \"$3\"", output.appending(path: "scan.nii.gz").path, unpacked.path))
            let bytes = Array(try Data(contentsOf: unpacked))
            let description = String(decoding: bytes[148..<228].prefix { $0 != 0 }, as: UTF8.self)
            #expect(description == "vmunet 0.1.0, weights sha256 \(digest.prefix(32))")
        }

        /// Training from either file begins with the same weights, and ends so.
        private func goOnTraining(_ settings: URL, _ files: [URL], in folder: URL) throws {
            var ends: [StateDictionary] = []
            for file in files {
                let run = folder.appending(path: "from-\(file.pathExtension)")
                let outcome = try train(settings, run, "--epochs", "1", "--init", file.path)
                expectDone(outcome)
                #expect(outcome.error.contains("131 tensors filled, 0 left at their initial values"), "\(outcome.error)")
                ends.append(try WeightsFile.read(run.appending(path: "checkpoints/last.safetensors")))
            }
            #expect(Set(ends[0].keys) == Set(ends[1].keys))
            for (key, tensor) in ends[0] { #expect(ends[1][key] == tensor, "\(key)") }
        }

        /// To PyTorch a `.pth` with metadata is a plain state dictionary.
        @Test(.enabled(if: Tool.python != nil, "set VMUNET_PYTHON"))
        func torchLoadsWeightsOnly() throws {
            let file = try Scratch.folder().appending(path: "w.pth")
            expectDone(try Tool.run("convert", Shared.weights.path, file.path))
            let found = try Tool.python(
                """
                import sys, torch
                weights = torch.load(sys.argv[1], weights_only=True)
                assert all(isinstance(v, torch.Tensor) for v in weights.values())
                print(len(weights), *sorted(f"{k}={v}" for k, v in weights.metadata.items() if k in ("input", "value_range", "format_version")))
                """, file.path)
            #expect(found == "\(try WeightsFile.read(Shared.weights).count) format_version=1 input=pictures value_range=0,255\n")
        }

        /// In every command that reads weights.
        @Test func aNewerFormIsRefusedEverywhere() throws {
            let folder = try Scratch.folder()
            var newer = try WeightsFile.read(Shared.weights)
            newer.metadata["format_version"] = .integer(2)
            for name in ["newer.safetensors", "newer.pth"] {
                let file = folder.appending(path: name)
                try WeightsFile.write(newer, to: file)
                for arguments in [
                    ["predict", "--weights", file.path, Shared.pictures.path, "--output", folder.appending(path: "o").path],
                    ["evaluate", "--weights", file.path, "--data", Shared.discs.path],
                    [
                        "train", "--data", Shared.discs.path, "--init", file.path, "--preset", "tiny", "--run",
                        folder.appending(path: "r").path,
                    ],
                ] { expectRefusal(try Tool.run(arguments), naming: name, "form 2", "reads up to 1", "newer vmunet") }
            }
        }
    }
}
