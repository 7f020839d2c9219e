import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite struct AugmentationTests {
    @Test(arguments: ["32x32", "17x23", "1x1"])
    func rotationIsTorchvisions(size: String) throws {
        let tensors = try GoldenFile("rotation").tensors
        let original = try #require(tensors[size])
        let (shape, bytes) = (original.shape, original.bytes)
        let sample = Sample(
            image: bytes.map(Float.init), channels: 3, height: shape[1], width: shape[2],
            target: .labels(Array(bytes.prefix(shape[1] * shape[2]))),
            name: size)
        for degrees in ["0", "17", "90", "123.4", "180", "270", "301.7"] {
            let expected = try #require(tensors["\(size).\(degrees)"]).bytes
            let rotated = Placement(degrees: try #require(Double(degrees))).applied(to: sample)
            let different = zip(rotated.image, expected).count { $0 != Float($1) }
            #expect(rotated.image.count == expected.count && different == 0, "\(degrees)°: \(different) pixels")
            let targetIsAlike = rotated.target == .labels(Array(expected.prefix(shape[1] * shape[2])))
            #expect(targetIsAlike, "\(degrees)°")
        }
    }

    @Test func flipsMirrorRowsAndColumns() {
        let sample = Sample(image: [1, 2, 3, 4, 5, 6], channels: 1, height: 2, width: 3, target: .binary([1, 0, 0, 0, 0, 0.5]), name: "")
        let horizontal = Placement(flipsHorizontally: true).applied(to: sample)
        #expect(horizontal.image == [3, 2, 1, 6, 5, 4])
        #expect(horizontal.target == .binary([0, 0, 1, 0.5, 0, 0]))
        #expect(Placement(flipsVertically: true).applied(to: sample).image == [4, 5, 6, 1, 2, 3])
        #expect(Placement(flipsHorizontally: true, flipsVertically: true).applied(to: sample).image == [6, 5, 4, 3, 2, 1])
    }

    /// Mirroring comes before rotating; the two do not commute.
    @Test func flipThenRotate() {
        let square = Sample(image: [1, 2, 3, 4], channels: 1, height: 2, width: 2, target: .binary([1, 2, 3, 4]), name: "")
        let together = Placement(flipsHorizontally: true, degrees: 90).applied(to: square)
        let oneByOne = Placement(degrees: 90).applied(to: Placement(flipsHorizontally: true).applied(to: square))
        #expect(together == oneByOne)
        #expect(together.image == [1, 3, 2, 4])
        #expect(Placement(flipsHorizontally: true).applied(to: Placement(degrees: 90).applied(to: square)).image != together.image)
    }

    @Test func drawsAreAFunctionOfTheNumbers() {
        let augmentation = Augmentation()
        func draw(_ seed: UInt64, _ epoch: Int, _ index: Int) -> Placement {
            augmentation.draw(DataRandom.augmentation(seed: seed, epoch: epoch, index: index))
        }
        let placements = (0..<400).map { draw(42, 1, $0) }
        #expect(placements == (0..<400).map { draw(42, 1, $0) })
        #expect(placements != (0..<400).map { draw(42, 2, $0) })
        #expect(placements != (0..<400).map { draw(43, 1, $0) })
    }

    @Test func frequenciesAndAngles() {
        let placements = (0..<4000).map { Augmentation().draw(DataRandom.augmentation(seed: 1, epoch: 0, index: $0)) }
        // Six standard deviations of 4000 coin tosses are 190.
        #expect(abs(placements.count(where: \.flipsHorizontally) - 2000) < 190)
        #expect(abs(placements.count(where: \.flipsVertically) - 2000) < 190)
        #expect(abs(placements.count { $0.flipsHorizontally && $0.flipsVertically } - 1000) < 165)
        let angles = placements.map(\.degrees).filter { $0 != 0 }
        #expect(abs(angles.count - 2000) < 190)
        #expect(angles.allSatisfy { (0..<360).contains($0) })
        for quarter in 0..<4 { #expect(abs(angles.count { Int($0) / 90 == quarter } - 500) < 120) }
        // A new angle for every sample.
        #expect(Set(angles).count == angles.count)
    }

    @Test func nothingChangesAtProbabilityZero() {
        var augmentation = Augmentation()
        (augmentation.horizontalFlip, augmentation.verticalFlip, augmentation.rotation) = (0, 0, 0)
        #expect((0..<100).allSatisfy { augmentation.draw(DataRandom.augmentation(seed: 1, epoch: 0, index: $0)) == Placement() })
    }

    /// Compared with PyTorch's `grid_sample`, bilinear with zeros outside (Fixtures/zoom.py).
    @Test(arguments: ["32x32", "17x23", "1x1"])
    func zoomIsGridSamples(size: String) throws {
        let tensors = try GoldenFile("zoom").tensors
        let original = try #require(tensors[size])
        let (shape, image) = (original.shape, original.floats)
        let area = shape[1] * shape[2]
        let sample = Sample(
            image: image, channels: 2, height: shape[1], width: shape[2], target: .binary(Array(image.prefix(area))), name: size)
        let cases = tensors.keys.filter { $0.hasPrefix(size + ".") }
        #expect(cases.count == 4)
        for name in cases {
            let expected = try #require(tensors[name]).floats
            let numbers = name.dropFirst(size.count + 1).split(separator: ".")
            // "123.4.1.1.01" or "0.1.25.00": the degrees may have a point, the magnification always
            // has one.
            let degrees = try #require(Double(numbers.dropLast(3).joined(separator: ".")))
            let zoom = try #require(Double(numbers.suffix(3).prefix(2).joined(separator: ".")))
            let flips = Array(try #require(numbers.last))
            let placed = Placement(
                flipsHorizontally: flips[0] == "1", flipsVertically: flips[1] == "1", degrees: degrees, zoom: zoom
            ).applied(to: sample)
            let greatest = zip(placed.image, expected).map { abs($0 - $1) }.max() ?? 0
            // Places are in float32: 32 pixels have an ulp of 4e-6, and values change by up to 255
            // per pixel.
            #expect(placed.image.count == expected.count && greatest < 5e-3, "\(name): \(greatest)")
            #expect(placed.target == .binary(Array(placed.image.prefix(area))), "\(name)")
        }
    }

    @Test func labelsAreNeverMixedByZoom() {
        let labels = (0..<15 * 15).map { UInt8($0 % 3 == 0 ? 7 : 2) }
        let sample = Sample(image: labels.map(Float.init), channels: 1, height: 15, width: 15, target: .labels(labels), name: "")
        guard case .labels(let placed) = Placement(degrees: 30, zoom: 0.7).applied(to: sample).target else {
            Issue.record("no labels")
            return
        }
        #expect(Set(placed) == [0, 2, 7])
    }

    @Test func jittersStayWithinTheirRange() {
        var augmentation = Augmentation()
        (augmentation.zoomJitter, augmentation.colorJitter) = (0.25, 0.2)
        func random(_ index: Int) -> CounterRandom { DataRandom.augmentation(seed: 5, epoch: 0, index: index) }
        let zooms = (0..<2000).map { augmentation.draw(random($0)).zoom }
        #expect(zooms.allSatisfy { (0.8...1.25).contains($0) })
        #expect(zooms.min()! < 0.81 && zooms.max()! > 1.24 && abs(zooms.count { $0 > 1 } - 1000) < 135)
        // The published draws are the same as without jitter.
        #expect(
            (0..<50).allSatisfy { index in
                var placement = augmentation.draw(random(index))
                placement.zoom = 1
                return placement == Augmentation().draw(random(index))
            })

        augmentation.zoomJitter = 0
        (augmentation.horizontalFlip, augmentation.verticalFlip, augmentation.rotation) = (0, 0, 0)
        let grey = Sample(
            image: [Float](repeating: 127.5, count: 6) + [0, 255, 127.5], channels: 3, height: 1, width: 3, target: .binary([0, 1, 0.5]),
            name: "")
        let colored = (0..<2000).map { augmentation.applied(to: grey, random($0)) }
        #expect(colored.allSatisfy { $0.target == grey.target })
        // The level alone moves the middle, by ± 0.2 · 64 and differently for each channel.
        let levels = colored.map { $0.image[0] - 127.5 }
        #expect(levels.allSatisfy { abs($0) <= 12.81 } && levels.min()! < -12 && levels.max()! > 12)
        #expect(
            colored.allSatisfy {
                $0.image[0] == $0.image[1] && $0.image[0] != $0.image[3] && $0.image.allSatisfy { (0...255).contains($0) }
            })
        let contrasts = colored.map { $0.image[8] - $0.image[6] }.filter { $0 < 127.4 }
        #expect(contrasts.allSatisfy { $0 > 127.5 * 0.79 - 12.9 } && contrasts.count > 500)
    }
}
