import Foundation
import Imaging
import ShippedWeights
import TestSupport
import Testing

@testable import Segmentation

@Suite("Pictures and slices in tiles")
struct SlidingWindowTests {
    /// Equal to `monai.inferers.sliding_window_inference`, Gaussian mode, on the same arrays: the
    /// places, the weights and the padding.
    @Test func equalsMONAI() throws {
        let golden = try GoldenFile("sliding_window")
        let network = PixelNetwork { mean, y, x, _ in mean / 64 - 2 + Float(y) / 8 - Float(x) / 16 }
        for index in 0..<6 {
            let wanted = try #require(golden.tensors["\(index).case"]?.floats)
            let pixels = try #require(golden.tensors["\(index).picture"]?.bytes)
            let found = try #require(golden.tensors["\(index).found"]?.floats)
            let picture = Picture(width: Int(wanted[1]), height: Int(wanted[0]), channels: 3, pixels: pixels)
            let segmenter = try network.segmenter { ($0.tile, $0.overlap) = (Int(wanted[2]), Double(wanted[3])) }
            let own = try segmenter.ownMaps(of: picture)
            #expect(own.count == found.count && largestDifference(own, found) < 2e-6, "\(wanted)")
            let result = try segmenter.segment(picture)
            let grey = result.probability.pixels
            for (pixel, p) in found.enumerated() {
                let isForeground = result.mask.pixels[pixel] == 255
                if abs(p - 0.5) > 1e-5 { #expect(isForeground == (p > 0.5)) }
                #expect(abs(Float(grey[pixel]) - 255 * p) < 0.502)
            }
        }
    }

    /// A picture of one tile gives the bits of a single pass.
    @Test func oneTileIsOnePass() throws {
        // A dark disc on light skin: all of a lesion's probabilities.
        let skin = (0..<64 * 64).flatMap { i -> [UInt8] in
            let (y, x) = (i / 64 - 30, i % 64 - 34)
            return y * y + x * x < 200 ? [70, 40, 30] : [220, 180, 160]
        }
        let picture = Picture(width: 64, height: 64, channels: 3, pixels: skin)
        var options = PredictionOptions()
        options.tile = 64
        let tiled = try Segmenter(weights: ShippedWeights.isic17, name: "w", prediction: options)
        let whole = try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 64)
        #expect(tiled.isTiled && !whole.isTiled && tiled.work(width: 64, height: 64) == (1, 1))
        #expect(try tiled.ownMaps(of: picture) == whole.ownMaps(of: picture))
        let (a, b) = (try tiled.segment(picture), try whole.segment(picture))
        #expect(a.mask == b.mask && a.probability == b.probability && Set(a.probability.pixels).count > 2)
    }

    /// A constant and a linear picture show no borders of tiles.
    @Test func thereAreNoSeams() throws {
        let network = PixelNetwork { mean, _, _, _ in mean / 64 - 2 }
        let segmenter = try network.segmenter { $0.tile = 32 }
        func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
        let ramp = (0..<90).flatMap { y in (0..<128).flatMap { x in [UInt8](repeating: UInt8(x + y), count: 3) } }
        let linear = try segmenter.ownMaps(of: Picture(width: 128, height: 90, channels: 3, pixels: ramp))
        let expected = stride(from: 0, to: ramp.count, by: 3).map { sigmoid(Float(ramp[$0]) * 255 / 216 / 64 - 2) }
        #expect(largestDifference(linear, expected) < 1e-6)
        let constant = try segmenter.ownMaps(of: Picture(width: 100, height: 77, channels: 1, filledWith: 9))
        #expect(constant.count == 7700 && constant.allSatisfy { abs($0 - sigmoid(-2)) < 1e-6 })
    }

    /// A picture of 12000×9000 takes the memory of one row of tiles.
    @Test func onlyARowOfTilesIsHeld() {
        let window = SlidingWindow(PlaneSize(height: 9000, width: 12000), size: PlaneSize(height: 512, width: 512))
        #expect(window.count == 35 * 46)
        #expect(TileSum.bytes(window, maps: 1) == 2 * 4 * 512 * 12000)
        var sum = TileSum(SlidingWindow(PlaneSize(height: 96, width: 64), size: PlaneSize(height: 32, width: 32)), maps: 2)
        var rows: [Int] = [], afterEach: [Int] = []
        for _ in 0..<15 {
            sum.add([Float](repeating: 3, count: 2 * 32 * 32)) { row, values in
                rows.append(row)
                #expect(values.count == 128 && values.allSatisfy { abs($0 - 3) < 1e-5 })
            }
            afterEach.append(rows.count)
        }
        // Rows are passed on after the last tile that reaches them.
        #expect(rows == Array(0..<96) && afterEach == [0, 0, 16, 16, 16, 32, 32, 32, 48, 48, 48, 64, 64, 64, 96])
    }

    /// Tiled slices keep every voxel's own value.
    @Test func slicesInTiles() throws {
        let shape = VolumeShape(depth: 3, height: 50, width: 70)
        let values = (0..<shape.count).map { Float(($0 * 37) % 256) }
        let network = PixelNetwork { mean, _, _, _ in mean - 99.5 }
        struct Grey: InferenceNetwork {
            let inner: PixelNetwork
            let classes = 1, inputChannels = 1, sizeMultiple = 32
            func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
                images.map { inner.logit($0, 0, 0, 0) }
            }
        }
        var options = PredictionOptions()
        options.tile = 32
        let segmenter = try Segmenter(
            weights: ShippedWeights.isic17, name: "w", prediction: options, networks: NetworkLoader { _, _ in Grey(inner: network) })
        let labels = try VolumeSegmenter(segmenter, batchSize: 5).segment(values, shape: shape)
        #expect(labels.labels == values.map { $0 >= 100 ? 1 : 0 })
    }

    @Test func weightsThatWereTrainedOnPatchesAreTiled() throws {
        var known = WeightsMetadata()
        (known.format, known.patchSize, known.imageSize) = (1, 96, 96)
        let again = try WeightsMetadata(known.values)
        #expect(again.patchSize == 96 && again.summary == "patches of 96×96")
        #expect(throws: MetadataError.self) { try WeightsMetadata(known.values.merging(["patch_size": .integer(5)]) { $1 }) }
    }

    @Test func overlapsThatTilesCannotHave() {
        for overlap in [-0.1, 0.95, 1, Double.nan] {
            #expect(throws: BadWeights.self) { try PixelNetwork { _, _, _, _ in 0 }.segmenter { ($0.tile, $0.overlap) = (32, overlap) } }
        }
        #expect(throws: BadWeights.self) { try PixelNetwork { _, _, _, _ in 0 }.segmenter { $0.tile = 40 } }
    }
}
