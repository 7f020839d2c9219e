import Files
import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

/// Patches of whole pictures and slices.
@Suite struct PatchTests {
    /// Equal to NumPy's, for planes larger than a patch, smaller, and both.
    @Test(arguments: ["70x91", "20x64", "9x13", "33x32"])
    func patchesAreNumPys(name: String) throws {
        let golden = try GoldenFile("patches")
        let (image, shape) = golden.labels(name)
        let sample = Sample(
            image: image.map(Float.init), channels: 2, height: shape[1], width: shape[2],
            target: .labels(golden.labels("\(name)/labels").values), name: name)
        let (size, labels) = (PlaneSize(height: 32, width: 32), sample.labels(classes: 4, ignoring: 2))
        let (patches, masks) = (golden.labels("\(name)/patches").values, golden.labels("\(name)/masks").values)
        let places: [(seed: UInt64, epoch: Int, index: Int)] = [
            (42, 0, 0), (42, 0, 1), (42, 3, 1), (7, 3, 1), (1, 2, 3), (1, 2, 4), (1, 2, 5), (1, 2, 6),
        ]
        for (i, place) in places.enumerated() {
            let random = DataRandom.augmentation(seed: place.seed, epoch: place.epoch, index: place.index)
            let patch = Augmentation.none.patch(of: sample, labels: labels, size: size, random)
            #expect((patch.channels, patch.height, patch.width) == (2, 32, 32))
            #expect(patch.image == patches[i * 2048..<(i + 1) * 2048].map(Float.init), "\(place)")
            #expect(patch.target == .labels(Array(masks[i * 1024..<(i + 1) * 1024])), "\(place)")
        }
    }

    /// A class of one pixel in 40 000 is in a third of the patches: two thirds seek a class, and it
    /// is one of two.
    @Test func rareClassesAreSeen() {
        let plane = PlaneSize(height: 200, width: 200)
        var labels = [UInt8](repeating: 0, count: plane.count)
        for i in 0..<plane.count / 2 { labels[i] = 1 }
        labels[150 * 200 + 20] = 2
        let places = PlaneLabels(labels, plane, classes: 3, ignoring: nil)
        let seen = (0..<1200).count { index in
            var random = DataRandom.augmentation(seed: 1, epoch: 0, index: index)
            let patch = Patch(PatchChoice(&random), of: places, size: PlaneSize(height: 32, width: 32))
            return patch.nearest(labels).contains(2)
        }
        // Six standard deviations are 98; patches anywhere add a few.
        #expect(abs(seen - 410) < 98, "\(seen)")
    }

    /// Truth moves with the picture, whatever is drawn, and follows the mirror.
    @Test func imageAndTruthMoveAlike() {
        let plane = PlaneSize(height: 90, width: 120)
        let mask: [Float] = (0..<plane.count).map { (($0 / 120) / 9 + ($0 % 120) / 11) % 2 == 0 ? 1 : 0 }
        let sample = Sample(
            image: mask.map { 10 + 100 * $0 }, channels: 1, height: 90, width: 120, target: .binary(mask), name: "checks")
        var augmentation = Augmentation()
        augmentation.zoomJitter = 0.3
        let labels = sample.labels(classes: 1, ignoring: nil)
        var different: Set<[Float]> = []
        for index in 0..<60 {
            let random = DataRandom.augmentation(seed: 3, epoch: 1, index: index)
            let patch = augmentation.patch(of: sample, labels: labels, size: PlaneSize(height: 64, width: 64), random)
            guard case .binary(let truth) = patch.target else { return #expect(Bool(false), "no mask") }
            // Between two pixels the picture is interpolated, and the mask is the nearer one's.
            let wrong = zip(patch.image, truth).count { value, truth in value > 0 && ((value - 10) / 100 - truth).magnitude > 0.76 }
            #expect(wrong == 0, "\(index)")
            different.insert(truth)
        }
        #expect(different.count == 60)
    }

    /// A set's training samples are patches of the size asked for; validation sees whole pictures.
    @Test func aFolderOfPictures() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(6, split: "train", side: 80)
        var settings = DataSettings(.folder, path: folder.url.path)
        (settings.imageSize, settings.patchSize, settings.augment) = (32, 32, false)
        let data = try settings.dataset.layout.trainingData(settings, seed: 1)
        let validation = try #require(data.validation)
        let whole = try validation.sample(at: 0)
        #expect(whole.height >= 80 && whole.width >= 80)
        #expect(try validation.ownSample(at: 0) == whole)

        var options = DataLoader.Options.training(batchSize: 3, seed: 5)
        options.workers = 2
        let loader = DataLoader(data.training, options)
        func epoch(_ epoch: Int) throws -> [Batch] {
            let stream = loader.batches(epoch: epoch)
            var batches: [Batch] = []
            while let batch = try stream.next() { batches.append(batch) }
            return batches
        }
        let (first, again, second) = (try epoch(0), try epoch(0), try epoch(1))
        #expect(first.map { [$0.count, $0.height, $0.width] } == [[3, 32, 32], [2, 32, 32]])
        #expect(first.map(\.images) == again.map(\.images) && first.map(\.images) != second.map(\.images))
        // Without augmentation a patch is a piece of the picture as it is.
        let sample = try data.training.load(at: first[0].indices[0])
        let (piece, size) = (Array(first[0].images.prefix(1024)), PlaneSize(height: 32, width: 32))
        let channel = Array(sample.image.prefix(sample.size.count))
        let found = (0...sample.height - 32).contains { y in
            (0...sample.width - 32).contains { x in
                channel[y * sample.width + x] == piece[0]
                    && SlidingWindow.cut(channel, sample.size, row: y, column: x, size: size) == piece
            }
        }
        #expect(found)
    }

    /// Slices in Synapse's layout: pieces of the slice as stored, not resized.
    @Test func slicesOfSynapse() throws {
        try withSynapseSet(slices: ["a"]) { folder in
            var options = SynapseDataset.Options(size: PlaneSize(height: 32, width: 32))
            let resized = try SynapseDataset(folder, classNames: SynapseLayout.synapseClassNames, options: options)
            (options.takesPatches, options.augmentation) = (true, .none)
            let set = try SynapseDataset(folder, classNames: SynapseLayout.synapseClassNames, options: options)
            let slice = try set.load(at: 0)
            #expect(try set.sample(at: 0) == slice && set.ownSample(at: 0) == slice)
            #expect(try resized.ownSample(at: 0) == nil)
            let patch = set.prepare(slice, random: CounterRandom(seed: 1))
            #expect((patch.channels, patch.height, patch.width) == (1, 32, 32))
            let stored = Set(slice.image)
            #expect(patch.image.allSatisfy { $0 == 0 || stored.contains($0) })
            #expect(patch == set.prepare(slice, random: CounterRandom(seed: 1)))
        }
    }

    /// Shares of a set's pictures, scored by tiles, join to the whole's result, which is that of
    /// prediction by tiles.
    @Test func partsScoredByTilesJoin() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(5, split: "val", side: 70)
        var options = PairedFolder.Options(size: 32)
        options.takesPatches = true
        let set = try PairedFolder(folder.url, split: "val", options: options)
        let network = PixelNetwork { mean, x, _, _ in mean / 100 - 1.2 + Float(x % 7) / 50 }
        let evaluator = Evaluator(set)
        let parts = try (0..<2).map { try evaluator.part(Shard(index: $0, count: 2), network, tile: 32) }
        let whole = try evaluator.result(of: [evaluator.part(.whole, network, tile: 32)])
        #expect(evaluator.result(of: parts.reversed()) == whole && whole.images.count == 5)
        let segmenter = try network.segmenter { $0.tile = 32 }
        let predicted = try evaluator.evaluate(segmenter, atOwnSize: true)
        #expect(predicted.pooled == whole.pooled && abs(predicted.loss - whole.loss) < 1e-6)
    }
}
