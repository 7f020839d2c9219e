import Foundation
import Imaging
import ShippedWeights
import TestSupport
import Testing

@testable import Segmentation

@Suite("Test-time augmentation, ensembles and doubt")
struct AveragedNetworkTests {
    private static func logit(_ mean: Float, _ y: Int, _ x: Int, _ c: Int) -> Float {
        mean / 64 - 2 + Float(y) / 8 - Float(x * (c + 1)) / 16
    }

    private let script = """
        import sys, numpy as np
        folder, classes, kind, H, W = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
        images = np.fromfile(folder + "/in", "<f4").astype("f8").reshape(2, 3, H, W)
        def network(image):
            y, x = np.mgrid[:image.shape[1], :image.shape[2]]
            z = np.stack([image.mean(0) / 64 - 2 + y / 8 - x * (c + 1) / 16 for c in range(classes)])
            if classes == 1:
                p = 1 / (1 + np.exp(-z)); return np.concatenate([p, 1 - p])
            e = np.exp(z - z.max(0)); return e / e.sum(0)
        def answers(image):
            for turns in (range(4) if kind == "full" else [0, 2]):
                for mirrored in [False, True]:
                    view = np.rot90(image, turns, (1, 2))
                    p = network(view[:, :, ::-1] if mirrored else view)
                    yield np.rot90(p[:, :, ::-1] if mirrored else p, -turns, (1, 2))
        out, entropy = [], []
        for image in images:
            all = np.stack(list(answers(image)))
            out.append(all.mean(0)[:classes]); entropy.append(-(all * np.log(all)).sum(1).mean(0))
        np.concatenate([np.concatenate([o.ravel(), e.ravel()]) for o, e in zip(out, entropy)]).astype("<f4").tofile(folder + "/out")
        """

    /// Every view of the dihedral group and its inverse equals NumPy's, also for pictures that are
    /// not square; so does the mean of the passes' entropies.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"), arguments: [1, 3], [TestTimeAugmentation.flips, .full])
    func viewsEqualNumPy(_ classes: Int, _ augmentation: TestTimeAugmentation) throws {
        let (H, W) = (32, 64)
        let images = (0..<2 * 3 * H * W).map { Float(($0 * 31) % 256) }
        let network = AveragedNetwork(
            members: [.init(network: PixelNetwork(classes: classes, logit: Self.logit), temperature: 1)], views: augmentation.views)
        #expect(network.passes == (augmentation == .full ? 8 : 4))
        let maps = try network.maps(images, batch: 2, height: H, width: W)
        #expect(maps.maps == classes + 1)
        try withTemporaryFolder { folder in
            try writeVolumeBytes(images, to: folder.appending(path: "in"))
            try Python.run(script, [folder.path, "\(classes)", augmentation.rawValue, "\(H)", "\(W)"])
            let expected: [Float] = try readVolumeValues(folder.appending(path: "out"))
            #expect(expected.count == maps.values.count && largestDifference(maps.values, expected) < 3e-6)
        }
        // The logits are those of the mean probabilities.
        let logits = try network.answer(images, batch: 2, height: H, width: W)
        let again = ProbabilityMaps(logits)
        for picture in 0..<2 {
            #expect(largestDifference(again.picture(picture), Array(maps.picture(picture).prefix(classes * H * W))) < 3e-6)
        }
    }

    /// Turning the picture turns the answer of all eight views.
    @Test func theAnswerOfAllViewsTurnsWithThePicture() throws {
        let picture = LesionGenerator.sample(index: 1, size: 64, seed: 3).picture
        var turned = picture
        for y in 0..<64 { for x in 0..<64 { for c in 0..<3 { turned[x, 63 - y, c] = picture[y, x, c] } } }
        var options = PredictionOptions()
        options.augmentation = .full
        let segmenter = try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 64, prediction: options)
        let (a, b) = (try segmenter.ownMaps(of: picture), try segmenter.ownMaps(of: turned))
        let back = (0..<4096).map { i -> Float in
            let (y, x) = (i / 64, i % 64)
            return b[x * 64 + 63 - y]
        }
        #expect(largestDifference(Array(a.prefix(4096)), back) < 1e-5)
        let alone = try Segmenter(weights: ShippedWeights.isic17, name: "w", imageSize: 64)
        #expect(largestDifference(try alone.ownMaps(of: picture), Array(a.prefix(4096))) > 1e-3)
    }

    /// Huge finite logits give finite probabilities and finite logits of the mean; infinite logits
    /// are an error.
    @Test func extremesStayFinite() throws {
        for classes in [1, 3] {
            let network = PixelNetwork(classes: classes) { _, y, _, c in (y + c).isMultiple(of: 2) ? 1e30 : -1e30 }
            let views = AveragedNetwork(members: [.init(network: network, temperature: 1)], views: TestTimeAugmentation.flips.views)
            let images = [Float](repeating: 0, count: 3 * 32 * 32)
            #expect(try views.logits(images, batch: 1, height: 32, width: 32).allSatisfy(\.isFinite))
            #expect(try views.maps(images, batch: 1, height: 32, width: 32).values.allSatisfy(\.isFinite))
        }
        let broken = PixelNetwork { mean, _, _, _ in mean > 100 ? .infinity : 0 }
        let segmenter = try broken.segmenter(imageSize: 32) { $0.augmentation = .flips }
        let picture = Picture(width: 2, height: 1, channels: 1, pixels: [0, 255])
        #expect(throws: BadWeights.self) { try segmenter.segment(picture) }
        let tiled = try broken.segmenter { ($0.augmentation, $0.tile) = (.none, 32) }
        #expect(throws: BadWeights.self) { try tiled.segment(picture) }
    }

    /// An ensemble's probabilities are the mean of its networks', and its mutual information is
    /// their disagreement, as NumPy computes both.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON")) func ensemblesAndDoubt() throws {
        let (one, two) = (PixelNetwork { mean, _, _, _ in mean / 64 - 2 }, PixelNetwork { mean, y, _, _ in 1 - mean / 100 + Float(y) / 9 })
        let network = AveragedNetwork(
            members: [.init(network: one, temperature: 1), .init(network: two, temperature: 2)], views: [PictureView()])
        let images = (0..<3 * 32 * 32).map { Float(($0 * 31) % 256) }
        let maps = try network.maps(images, batch: 1, height: 32, width: 32).values
        var sum = DoubtSum(classes: 1, maps: 2)
        let labels = maps.prefix(1024).map { UInt8($0 >= 0.5 ? 1 : 0) }
        let shown = sum.add(maps, labels: labels)
        try withTemporaryFolder { folder in
            try writeVolumeBytes(images, to: folder.appending(path: "in"))
            let text = try Python.run(
                """
                import sys, numpy as np
                m = np.fromfile(sys.argv[1] + "/in", "<f4").astype("f8").reshape(3, 32, 32).mean(0)
                s = lambda z: 1 / (1 + np.exp(-z))
                h = lambda p: -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
                a, b = s(m / 64 - 2), s((1 - m / 100 + np.arange(32)[:, None] / 9) / 2)
                p = (a + b) / 2
                p.astype("<f4").tofile(sys.argv[1] + "/p")
                (h(p) * 255).astype("<f4").tofile(sys.argv[1] + "/h")
                mask = p >= .5
                print(1 - 2 * p[mask].sum() / (p.sum() + mask.sum()), h(p).mean(), h(p).mean() - ((h(a) + h(b)) / 2).mean())
                """, [folder.path])
            let numbers = text.split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            let p: [Float] = try readVolumeValues(folder.appending(path: "p")),
                h: [Float] = try readVolumeValues(folder.appending(path: "h"))
            #expect(largestDifference(Array(maps.prefix(1024)), p) < 1e-6)
            #expect(zip(shown, h).allSatisfy { abs(Float($0) - $1) < 0.51 })
            let doubt = sum.doubt
            #expect(abs(doubt.expectedError - numbers[0]) < 1e-5 && abs(doubt.entropy - numbers[1]) < 1e-5)
            #expect(abs(try #require(doubt.mutualInformation) - numbers[2]) < 1e-5)
        }
    }

    @Test func doubtOfNothingAndOfCertainty() {
        var nothing = DoubtSum(classes: 1, maps: 1)
        _ = nothing.add([0.2, 0.1, 0.05], labels: [0, 0, 0])
        #expect(abs(nothing.doubt.expectedError - 0.2) < 1e-6 && nothing.doubt.mutualInformation == nil)
        var certain = DoubtSum(classes: 3, maps: 3)
        #expect(certain.add([1, 0, 0, 1, 0, 0], labels: [0, 1]) == [0, 0])
        #expect(certain.doubt == Doubt(expectedError: 0, entropy: 0, mutualInformation: nil))
    }

    @Test func networksThatDoNotAnswerOneQuestionAreNoEnsemble() throws {
        try withTemporaryFolder { folder in
            let (a, b) = (folder.appending(path: "a.safetensors"), folder.appending(path: "b.safetensors"))
            for url in [a, b] { try Data(ShippedWeights.isic17).write(to: url) }
            let networks = NetworkLoader { _, compute in PixelNetwork(classes: compute.threads ?? 1) { _, _, _, _ in 0 } }
            let two = try Segmenter(ensemble: [a, b], imageSize: 32, networks: networks)
            #expect(two.passes == 2)
            #expect(throws: BadWeights.self) { try Segmenter(ensemble: [], networks: networks) }
            let uneven = Uneven()
            #expect(throws: BadWeights.self) { try Segmenter(ensemble: [a, b], networks: NetworkLoader { _, _ in uneven.next() }) }
        }
    }
}

/// Networks of one class, then of two.
private final class Uneven: @unchecked Sendable {
    private var made = 0

    func next() -> PixelNetwork {
        made += 1
        return PixelNetwork(classes: made) { _, _, _, _ in 0 }
    }
}
