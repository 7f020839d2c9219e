import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

/// Real users' pictures; runs only if `VMUNET_TEST_DATA` names a folder of them.
@Suite(.enabled(if: TestMachine.data != nil, "VMUNET_TEST_DATA is not set")) struct DataRealTests {
    private func folder(_ name: String) throws -> URL { try #require(TestMachine.data).appending(path: name) }

    @Test func isicValidationSplit() throws {
        let set = try PairedFolder(folder("isic17"), split: "val", options: .init(size: 128))
        try set.verify()
        var options = DataLoader.Options.training(batchSize: 32)
        options.cacheBytes = 0
        let stream = DataLoader(set, options).batches(epoch: 0)
        var (seen, foreground) = (Set<Int>(), Float(0))
        while let batch = try stream.next() {
            seen.formUnion(batch.indices)
            #expect(batch.images.count == batch.count * 3 * 128 * 128)
            #expect(batch.images.allSatisfy { (0...255).contains($0) })
            guard case .binary(let plane) = batch.target else { return #expect(Bool(false), "a binary target") }
            #expect(plane.allSatisfy { (0...1).contains($0) })
            foreground += plane.reduce(0, +) / Float(128 * 128)
        }
        #expect(seen == Set(0..<300))
        #expect((0.05...0.5).contains(foreground / 300))
    }

    @Test(arguments: ["train", "val"]) func nucleiOfManySizes(split: String) throws {
        let set = try PairedFolder(folder("dsb2018"), split: split, options: .init(size: 96))
        #expect(try set.examine().masks == set.count)
        let summary = try set.summary()
        #expect(summary.count == (split == "train" ? 80 : 30))
        let widths = try #require(summary.widths)
        #expect(widths.count > 100)
        for i in 0..<set.count { #expect(try set.sample(at: i).image.count == 3 * 96 * 96) }
    }

    @Test func picturesOfFullSizeInAFlatFolder() throws {
        let set = try PairedFolder.evaluation(folder("isic17_fullres"), split: "val", options: .init())
        #expect(set.count == 3)
        let summary = try set.summary()
        #expect(summary.widths == 3024...3024 && summary.heights == 2016...2016)
        let sample = try set.sample(at: 1)
        let (least, greatest) = (try #require(sample.image.min()), try #require(sample.image.max()))
        // Without antialiasing the extremes of the full picture are mostly skipped and never
        // exceeded.
        #expect(least >= 0 && greatest <= 255 && greatest - least > 100)
    }

    /// Ultrasound pictures, one in five of them healthy.
    @Test func emptyMasksOfHealthyPictures() throws {
        let set = try PairedFolder(folder("busi"), split: "val", options: .init(size: 64))
        let found = try set.examine()
        #expect(found.masks == 40 && found.empty.count == set.pairs.count { $0.name.contains("normal") } && !found.empty.isEmpty)
    }
}
