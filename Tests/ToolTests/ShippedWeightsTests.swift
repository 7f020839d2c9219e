import Foundation
import Imaging
import TensorFiles
import Testing

extension ToolTests {
    /// The package's own weights, used like a newcomer: `vmunet predict photo.jpg --output out`.
    @Suite struct ShippedWeightsTests {
        private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: "Weights/isic17.safetensors")
        private static let data = Tool.environment["VMUNET_TEST_DATA"].map { URL(filePath: $0) }

        private func iou(_ mask: Picture, _ truth: Picture) throws -> Double {
            try #require((mask.width, mask.height) == (truth.width, truth.height))
            let pairs = zip(mask.pixels, truth.pixels)
            return Double(pairs.count { $0 >= 128 && $1 >= 128 }) / Double(pairs.count { $0 >= 128 || $1 >= 128 })
        }

        @Test func theyAreSmallAndInBFloat16() throws {
            let size = try #require(FileManager.default.attributesOfItem(atPath: Self.file.path)[.size] as? Int)
            #expect(size < 15_000_000)
            let weights = try WeightsFile.read(Self.file)
            #expect(weights.count > 100 && weights.allSatisfy { $0.tensor.elementType == .bfloat16 })
            #expect(weights.metadata["image_size"]?.integerValue == 256)
        }

        /// Generated pictures, unlike any that the network was trained on.
        @Test func generatedLesionsAreFoundWithoutFlags() throws {
            let (input, output) = (try Scratch.folder(), try Scratch.folder())
            let lesions = (0..<6).map { LesionGenerator.sample(index: $0, size: 192, seed: 7) }
            for (i, lesion) in lesions.enumerated() { try PictureFile.write(lesion.picture, to: input.appending(path: "lesion_\(i).jpg")) }
            expectDone(try Tool.run("predict", input.path, "--output", output.path))
            let scores = try lesions.enumerated().map { i, lesion in
                try iou(try PictureFile.read(output.appending(path: "lesion_\(i).png")), lesion.mask)
            }
            #expect(scores.reduce(0, +) / 6 > 0.8, "\(scores)")
        }

        @Test(.enabled(if: data != nil, "set VMUNET_TEST_DATA to the folder of real data"))
        func fullSizePicturesAreSegmented() throws {
            let folder = try #require(Self.data).appending(path: "isic17_fullres")
            let output = try Scratch.folder()
            expectDone(try Tool.run("predict", folder.appending(path: "images").path, "--output", output.path))
            let masks = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "masks").path)
            #expect(masks.count >= 3)
            for name in masks {
                let stem = (name as NSString).deletingPathExtension.replacing("_segmentation", with: "")
                let truth = try PictureFile.read(folder.appending(path: "masks/\(name)"), channels: 1)
                let score = try iou(try PictureFile.read(output.appending(path: stem + ".png")), truth)
                #expect(score >= 0.75, "\(stem): \(score)")
            }
        }

        /// The paper's full model without pretrained weights has 77.59 and 87.38 (Table III).
        @Test(.enabled(if: data != nil, "set VMUNET_TEST_DATA to the folder of real data"))
        func theyReachThePapersScores() throws {
            let data = try #require(Self.data).appending(path: "isic17")
            let outcome = try Tool.run(
                "evaluate", "--weights", Self.file.path, "--data", data.path, "--dataset", "isic17", "--json", "-")
            expectDone(outcome)
            let pooled = try #require(
                (try JSONSerialization.jsonObject(with: Data(outcome.out.utf8)) as? [String: Any])?["pooled"] as? [String: Double])
            #expect(try #require(pooled["miou"]) >= 0.7759 && (try #require(pooled["dsc"])) >= 0.8738, "\(pooled)")
        }
    }
}
