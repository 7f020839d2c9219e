import Foundation
import Imaging
import TensorFiles
import Testing

/// Pictures of a dark disc on light ground, with masks. A network learns them in seconds.
enum Discs {
    static func pair(_ index: Int, size: Int = 64) -> (picture: Picture, mask: Picture) {
        var state = UInt64(index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        func random() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 40) / Double(1 << 24)
        }
        let S = Double(size)
        let (cy, cx, r) = ((0.35 + 0.3 * random()) * S, (0.35 + 0.3 * random()) * S, (0.15 + 0.15 * random()) * S)
        var picture = Picture(width: size, height: size, channels: 3)
        var mask = Picture(width: size, height: size, channels: 1)
        for y in 0..<size {
            for x in 0..<size {
                let isInside = (Double(y) - cy) * (Double(y) - cy) + (Double(x) - cx) * (Double(x) - cx) < r * r
                let color = isInside ? [90.0, 50, 40] : [220, 180, 160]
                for c in 0..<3 { picture[y, x, c] = UInt8(color[c] + 30 * random()) }
                mask[y, x] = isInside ? 255 : 0
            }
        }
        return (picture, mask)
    }

    /// `folder/{train,val}/{images,masks}/disc_00.png`.
    static func write(train: Int, validation: Int, size: Int = 64, to folder: URL) throws {
        for (split, indices) in [("train", 0..<train), ("val", train..<train + validation)] {
            for kind in ["images", "masks"] {
                try FileManager.default.createDirectory(at: folder.appending(path: "\(split)/\(kind)"), withIntermediateDirectories: true)
            }
            for index in indices {
                let (picture, mask) = pair(index, size: size)
                let name = String(format: "disc_%02d.png", index)
                try PictureFile.write(picture, to: folder.appending(path: "\(split)/images/\(name)"))
                try PictureFile.write(mask, to: folder.appending(path: "\(split)/masks/\(name)"))
            }
        }
    }

    /// A new folder with such a set.
    static func folder(train: Int = 8, validation: Int = 4) throws -> URL {
        let folder = try Scratch.folder()
        try write(train: train, validation: validation, to: folder)
        return folder
    }
}

/// Data that many tests use and none changes; made once.
enum Shared {
    /// 48 pictures to train on, 8 to validate, 64×64.
    static let discs: URL = {
        let folder = Scratch.root.appending(path: "discs")
        try? Discs.write(train: 48, validation: 8, to: folder)
        return folder
    }()

    /// Options of the smallest network.
    static let smallest = [
        "--dims", "8,16,32,64", "--depths", "1,1,1,1", "--decoder-depths", "1,1,1,1", "--image-size", "64", "--batch-size", "4", "--device",
        "cpu",
    ]

    /// Thirty steps of the tiny preset on ``discs``, with the tool's outcome.
    static let learned: (folder: URL, outcome: Tool.Outcome?) = {
        let folder = Scratch.root.appending(path: "learned")
        let outcome = try? Tool.run(
            "train", "--data", discs.path, "--dataset", "folder", "--preset", "tiny", "--image-size", "64", "--batch-size", "8", "--epochs",
            "5", "--lr", "4e-3",
            "--drop-path", "0", "--no-augment", "--device", "cpu", "--run", folder.path)
        return (folder, outcome)
    }()

    static var weights: URL { learned.folder.appending(path: "checkpoints/best.safetensors") }
    static var pictures: URL { discs.appending(path: "val/images") }

    /// Nine classes, one input channel, random weights, and the logits that PyTorch computed from
    /// them.
    static let goldenFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "VMUNetTests/Fixtures")
    static let nineClasses = goldenFolder.appending(path: "model_small9_weights.safetensors")
    static let nineClassesCase = goldenFolder.appending(path: "model_small9.safetensors")
}

/// A file's JSON object.
func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}

func text(_ url: URL) throws -> String { String(decoding: try Data(contentsOf: url), as: UTF8.self) }

func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

/// Names in a folder, including hidden ones, sorted; empty if there is no folder.
func names(_ url: URL) -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }

/// Names of the results that `predict` wrote to a folder, without predictions.json.
func results(_ url: URL) -> [String] { names(url).filter { $0 != "predictions.json" } }

/// The objects of a run's metrics.jsonl.
func metrics(_ run: URL) throws -> [[String: Any]] {
    try text(run.appending(path: "metrics.jsonl")).split(separator: "\n").map { try json(String($0)) }
}
