import Foundation
import Imaging
import TestSupport
import Testing
import VMUNet

@testable import Segmentation

/// Advice on the network's input, batch and sampling.
@Suite struct TrainingAdviceTests {
    /// Crossing lines, `width` pixels wide.
    private static func lines(_ width: Int) -> Picture {
        var mask = Picture(width: 150, height: 110, channels: 1)
        for y in 0..<110 { for x in 0..<150 where (x + y) % 25 < width || (2 * x + y) % 40 < width { mask[y, x] = 1 } }
        return mask
    }

    /// Equal to PyTorch's bilinear interpolation, there and back, with a threshold of one half.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON")) func fidelityIsPyTorchs() throws {
        let script = """
            import torch
            from torch.nn.functional import interpolate
            y, x = torch.meshgrid(torch.arange(110), torch.arange(150), indexing="ij")
            for width in (1, 3, 9):
                mask = (((x + y) % 25 < width) | ((2 * x + y) % 40 < width)).float()
                for size in (32, 64, 128):
                    small = interpolate(mask[None, None], (size, size), mode="bilinear", align_corners=False)
                    back = (interpolate(small, (110, 150), mode="bilinear", align_corners=False)[0, 0] >= 0.5).float()
                    print(float(2 * (mask * back).sum() / (mask.sum() + back.sum())))
            """
        let expected = try Python.run(script).split(separator: "\n").compactMap { Double($0) }
        let found = [1, 3, 9].flatMap { width in
            [32, 64, 128].flatMap { MaskFidelity.dice(Self.lines(width), ignoring: nil, imageSize: $0) }
        }
        #expect(expected.count == 9 && found.count == 9)
        // A pixel at one half may fall on either side.
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-3 }, "\(found) \(expected)")
    }

    /// Small pictures are not enlarged, and their discs survive. Lines of one pixel in large pictures
    /// do not survive at 256×256.
    @Test func discsAreResizedAndVesselsCut() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(4, split: "train", side: 150)
        var settings = DataSettings(.folder, path: folder.url.path)
        let discs = try #require(try settings.dataset.layout.pictureAdvice(settings, seed: 42, keepsInput: false))
        let fidelity = try #require(discs.fidelity)
        #expect(discs.imageSize == 160 && discs.patchSize == nil && discs.evaluateEvery == 1 && discs.rarest == nil)
        #expect(discs.pictures == 3 && fidelity.masks == 3 && fidelity.imageSize == 160 && fidelity.dice > 0.98)

        let vessels = try TemporaryFolder()
        var mask = Picture(width: 700, height: 500, channels: 1)
        for y in 0..<500 { for x in 0..<700 where (x + 3 * y) % 50 == 0 { mask[y, x] = 255 } }
        for name in ["train/%/a", "val/%/b"] {
            try vessels.write(.noise(width: 700, height: 500), name.replacing("%", with: "images") + ".png")
            try vessels.write(mask, name.replacing("%", with: "masks") + ".png")
        }
        settings.path = vessels.url.path
        let thin = try #require(try settings.dataset.layout.pictureAdvice(settings, seed: 42, keepsInput: false))
        #expect(thin.imageSize == 256 && thin.patchSize == 256 && thin.fidelity.map { $0.dice < 0.5 } == true)
        // 3 by 5 tiles that overlap by half, one patch: a step is worth three tiles, and a fifth is 4 : 1.
        #expect(thin.evaluateEvery == 20)
        // The user's own input stays, and its masks need no look.
        settings.imageSize = 128
        let kept = try #require(try settings.dataset.layout.pictureAdvice(settings, seed: 42, keepsInput: true))
        #expect(kept.imageSize == 128 && kept.patchSize == nil && kept.fidelity == nil && kept.evaluateEvery == 1)
    }

    /// Slices and volumes have no advice from masks.
    @Test func slicesHaveNone() throws {
        #expect(try Dataset.synapse.layout.pictureAdvice(DataSettings(.synapse), seed: 42, keepsInput: false) == nil)
        #expect(try Dataset.nnunet.layout.pictureAdvice(DataSettings(.nnunet), seed: 42, keepsInput: false) == nil)
    }

    @Test func inputsOfSmallPictures() {
        let sizes = [(20, 32), (97, 128), (224, 224), (250, 256), (4000, 256)]
        for (side, size) in sizes { #expect(PictureAdvice.imageSize(forSide: side) == size) }
        #expect(PictureAdvice.evaluateEvery(tiles: 0, patches: 0) == 1 && PictureAdvice.evaluateEvery(tiles: 320, patches: 20) == 22)
    }

    /// The rarest class whose pictures a balanced epoch repeats; nothing if it repeats none.
    @Test func rareClasses() {
        var presence = (0..<1000).map { $0 < 900 ? Set<UInt8>([0, 1]) : [0] }
        #expect(RepeatFactors.rarest(presence, classes: 4) == nil)
        for i in 0..<40 { presence[i].insert(2) }
        #expect(RepeatFactors.rarest(presence, classes: 4) == .init(label: 2, samples: 40, repeats: 2))
        presence[5].insert(3)
        presence[999].insert(255)
        #expect(RepeatFactors.rarest(presence, classes: 4) == .init(label: 3, samples: 1, repeats: 10))
    }

    /// Peaks of `train` as the system counted them, less the pictures kept in memory, in megabytes.
    @Test func memoryIsAsMeasured() {
        let deep = VMUNetConfiguration(dims: VMUNetConfiguration.small.dims, depths: [2, 2, 9, 2])
        let measured: [(VMUNetConfiguration, size: Int, batch: Int, megabytes: Double)] = [
            (.tiny, 128, 4, 286), (.tiny, 128, 16, 488), (.tiny, 256, 4, 502), (.tiny, 512, 2, 737), (.small, 128, 8, 607),
            (.small, 256, 4, 839), (.small, 256, 16, 2133), (deep, 256, 4, 930), (.base, 128, 8, 1339), (.base, 256, 4, 1725),
        ]
        for (network, size, batch, megabytes) in measured {
            let estimate = Double(TrainingMemory(network, imageSize: size).bytes(batchSize: batch)) / 1e6
            #expect(abs(estimate / megabytes - 1) < TrainingMemory.error / 2, "\(size) \(batch): \(estimate)")
        }
    }

    /// The largest power of two that fits, at most the one allowed.
    @Test func batchesFitIntoMemory() {
        let memory = TrainingMemory(.small, imageSize: 256)
        for most in [1, 7, 32] {
            for size in [1, 2, 4, 8, 16, 32] {
                let found = memory.batchSize(within: memory.bytes(batchSize: size), atMost: most)
                #expect(found == min(size, most == 7 ? 4 : most))
            }
        }
        #expect(memory.batchSize(within: memory.bytes(batchSize: 1) - 1, atMost: 32) == nil)
    }

    /// Much memory has the paper's batch, little a smaller one, then a smaller network.
    @Test func networksFitIntoMemory() throws {
        func network(_ free: Int, samples: Int = 1000) throws -> TrainingAdvice.Network {
            try #require(
                TrainingAdvice.network(
                    of: TrainingAdvice.networks(for: DataSettings(.folder)), imageSize: 256, samples: samples, free: free))
        }
        let small = TrainingMemory(.small, imageSize: 256), tiny = TrainingMemory(.tiny, imageSize: 256)
        let plenty = try network(64 << 30)
        #expect(plenty.preset == "small" && plenty.batchSize == 32 && plenty.memory == small.bytes(batchSize: 32))
        #expect(try network(64 << 30, samples: 50).batchSize == 8 && network(64 << 30, samples: 2).batchSize == 1)
        let little = try network(2 * small.bytes(batchSize: 4))
        #expect(little.preset == "small" && little.batchSize == 4 && little.largestBatch == 32)
        let less = try network(2 * small.bytes(batchSize: 1) - 2)
        #expect(less.preset == "tiny" && less.batchSize >= 1)
        let none = try network(1 << 20)
        #expect(none.preset == "tiny" && none.batchSize == 1 && none.memory == tiny.bytes(batchSize: 1))
        #expect(TrainingAdvice.network(of: [], imageSize: 256, samples: 9, free: 1 << 40) == nil)
    }
}
