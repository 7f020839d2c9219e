import Foundation
import TestSupport
import Testing

@testable import Segmentation

@Suite("Clean-up after the network")
struct CleanUpTests {
    private let script = """
        import sys, numpy as np
        from scipy import ndimage
        folder, shape, rules = sys.argv[1], tuple(map(int, sys.argv[2].split("x"))), sys.argv[3:]
        labels = np.fromfile(folder + "/in", np.uint8).reshape(shape)
        if shape[0] == 1: labels = labels[0]
        for value, rule in enumerate(rules, 1):
            least, largest, holes = map(int, rule.split(","))
            inside = labels == value
            parts, count = ndimage.label(inside, np.ones((3,) * labels.ndim))
            sizes = np.bincount(parts.ravel(), minlength=count + 1)
            keeps = sizes >= least
            if largest and count: keeps &= np.arange(count + 1) == 1 + sizes[1:].argmax()
            labels[inside & ~keeps[parts]] = 0
            if holes: labels[(labels == 0) & ndimage.binary_fill_holes(labels == value)] = value
        labels.tofile(folder + "/out")
        """

    /// Blobs with holes, specks and other classes inside.
    private func noise(_ shape: VolumeShape, classes: Int, seed: Int) -> [UInt8] {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        return (0..<shape.count).map { voxel in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let random = Int(state >> 40) % 100
            let isBlob = (voxel / 7 + voxel / shape.width / 5) % 3 > 0
            return random < (isBlob ? 78 : 22) ? UInt8(1 + (classes > 2 && random % 11 == 0 ? 1 : 0)) : 0
        }
    }

    /// Equal to SciPy's `label` with full connectivity and `binary_fill_holes`, in pictures and
    /// volumes, class by class.
    @Test(
        .enabled(if: Python.isAvailable, "set VMUNET_PYTHON"),
        arguments: [(1, 37, 53), (1, 1, 9), (1, 64, 1), (6, 17, 23), (3, 3, 3)],
        ["0,1,0 0,0,1", "4,0,1 9,0,0", "3,1,1 2,1,1", "1000000,0,0 0,0,1"])
    func equalsSciPy(_ extent: (Int, Int, Int), _ text: String) throws {
        let shape = VolumeShape(depth: extent.0, height: extent.1, width: extent.2)
        let rules = text.split(separator: " ").map { $0.split(separator: ",").map { Int($0) ?? 0 } }
        var cleanUp = CleanUp()
        for (index, numbers) in rules.enumerated() {
            var rule = CleanUp.Rule()
            rule.least = numbers[0] > 0 ? .pixels(numbers[0]) : nil
            (rule.keepsLargest, rule.fillsHoles) = (numbers[1] == 1, numbers[2] == 1)
            cleanUp.classes[UInt8(index + 1)] = rule
        }
        let before = noise(shape, classes: 3, seed: extent.2)
        var labels = before
        try cleanUp.apply(to: &labels, shape: shape, classes: 3)
        try withTemporaryFolder { folder in
            try writeVolumeBytes(before, to: folder.appending(path: "in"))
            let size = "\(extent.0)x\(extent.1)x\(extent.2)"
            try Python.run(script, [folder.path, size] + text.split(separator: " ").map(String.init))
            let expected: [UInt8] = try readVolumeValues(folder.appending(path: "out"))
            #expect(labels == expected)
        }
    }

    @Test func sizesInEveryUnit() throws {
        let shape = VolumeShape(depth: 1, height: 10, width: 20)
        // Components of 3 and of 5 pixels.
        var start = [UInt8](repeating: 0, count: 200)
        for i in [0, 1, 2, 100, 101, 102, 103, 104] { start[i] = 255 }
        func left(_ text: String, voxelVolume: Double? = nil) throws -> Int {
            var labels = start
            try #require(CleanUp(text)).apply(to: &labels, shape: shape, classes: 1, foreground: 255, voxelVolume: voxelVolume)
            return labels.count { $0 == 255 }
        }
        #expect(try left("least=3px") == 8 && left("least=4px") == 5 && left("least=6px") == 0)
        #expect(try left("least=1.5%") == 8 && left("least=1.6%") == 5 && left("least=100%") == 0)
        #expect(try left("least=30mm3", voxelVolume: 10) == 8 && left("least=30.5mm3", voxelVolume: 10) == 5)
        #expect(try left("least=0.05ml", voxelVolume: 10) == 5 && left("largest") == 5 && left("none") == 8)
        #expect(throws: VolumeError.self) { try left("least=3mm3") }
    }

    @Test func readsWhatItWrites() throws {
        for text in ["none", "largest", "holes", "least=0.5%,largest,holes", "1:largest;2:least=20px,holes", "holes;3:none", "least=30mm3"]
        {
            let cleanUp = try #require(CleanUp(text))
            #expect(CleanUp(cleanUp.description) == cleanUp, "\(text)")
        }
        #expect(CleanUp("1: largest , holes ; 2: least=1.5ml")?.description == "1:largest,holes;2:least=1.5ml")
        for text in [
            "", "largest;holes", "1:largest;1:holes", "0:holes", "256:holes", "least", "least=", "least=-1px", "least=1.5px", "least=101%",
            "least=nan%", "least=3cm", "largest,,holes", "1:2:holes", "least=1px,least=2px",
        ] {
            #expect(CleanUp(text) == nil, "\(text)")
        }
        var known = WeightsMetadata()
        (known.format, known.cleanUp, known.temperature) = (1, CleanUp("1:largest"), 1.5)
        let again = try WeightsMetadata(known.values)
        #expect(again.cleanUp == known.cleanUp && again.temperature == 1.5)
        for (key, bad) in [("clean_up", "everything"), ("temperature", "0"), ("picture_statistics", "1,2,3")] {
            #expect(throws: MetadataError.self) { try WeightsMetadata(known.values.merging([key: .string(bad)]) { $1 }) }
        }
    }
}
