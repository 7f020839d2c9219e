import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite struct PreprocessingTests {
    /// The published order with the published constants, in double precision: they cancel, for
    /// every set.
    @Test(arguments: ["isic17.train", "isic17.test", "isic18.train", "isic18.test"])
    func pictureIsPreprocessedAsPublished(constants: String) throws {
        let tensors = try GoldenFile("isic_preprocess").tensors
        let image = try #require(tensors["image"])
        let picture = Picture(width: image.shape[1], height: image.shape[0], channels: 3, pixels: image.bytes)
        let expected = try #require(tensors[constants]).floats
        let got = Preprocessing.stretched(picture, height: 32, width: 32)
        #expect(got.count == expected.count)
        #expect(zip(got, expected).map { abs($0 - $1) }.max()! < 1e-3)
    }

    @Test func maskIsResizedAsPublished() throws {
        let tensors = try GoldenFile("isic_preprocess").tensors
        let original = try #require(tensors["mask"]), shape = original.shape
        let mask = Picture(width: shape[1], height: shape[0], channels: 1, pixels: original.bytes.map { $0 == 255 ? 1 : 0 })
        let expected = try #require(tensors["mask.resized"]).floats
        let got = Preprocessing.softMask(mask, height: 32, width: 32)
        #expect(got.count == expected.count)
        #expect(zip(got, expected).map { abs($0 - $1) }.max()! < 1e-6)
        #expect(got.allSatisfy { (0...1).contains($0) } && got.contains { $0 > 0 && $0 < 1 })
    }

    @Test func stretchesToTheWholeRange() {
        let picture = Picture(width: 2, height: 1, channels: 3, pixels: [100, 110, 120, 130, 140, 150])
        #expect(Preprocessing.stretched(picture, height: 1, width: 2) == [0, 153, 51, 204, 102, 255])
        let grey = Picture(width: 2, height: 1, channels: 1, pixels: [3, 4])
        #expect(Preprocessing.stretched(grey, height: 1, width: 2) == [0, 255, 0, 255, 0, 255])
    }

    @Test(arguments: [UInt8(0), 7, 255])
    func aConstantPictureIsZeros(value: UInt8) {
        let picture = Picture(width: 5, height: 3, channels: 3, filledWith: value)
        #expect(Preprocessing.stretched(picture, height: 4, width: 4) == [Float](repeating: 0, count: 48))
    }

    @Test func labelsStayLabels() {
        let mask = Picture(width: 2, height: 2, channels: 1, pixels: [1, 2, 3, 255])
        #expect(Preprocessing.labels(mask, height: 4, width: 4) == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 255, 255, 3, 3, 255, 255])
    }
}
