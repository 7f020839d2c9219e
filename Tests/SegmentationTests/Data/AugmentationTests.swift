import Imaging
import Testing

@testable import Segmentation

@Suite struct AugmentationTests {
    @Test(arguments: ["32x32", "17x23", "1x1"])
    func rotationIsTorchvisions(size: String) throws {
        let tensors = try DataFixture.tensors("rotation")
        let (shape, bytes) = try #require(tensors[size])
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

    /// Mirroring comes before rotating: the two do not commute.
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
        // Six standard deviations of 4000 tosses are 190.
        #expect(abs(placements.count(where: \.flipsHorizontally) - 2000) < 190)
        #expect(abs(placements.count(where: \.flipsVertically) - 2000) < 190)
        #expect(abs(placements.count { $0.flipsHorizontally && $0.flipsVertically } - 1000) < 165)
        let angles = placements.map(\.degrees).filter { $0 != 0 }
        #expect(abs(angles.count - 2000) < 190)
        #expect(angles.allSatisfy { (0..<360).contains($0) })
        for quarter in 0..<4 { #expect(abs(angles.count { Int($0) / 90 == quarter } - 500) < 120) }
        // A fresh angle for every sample.
        #expect(Set(angles).count == angles.count)
    }

    @Test func nothingChangesAtProbabilityZero() {
        var augmentation = Augmentation()
        (augmentation.horizontalFlip, augmentation.verticalFlip, augmentation.rotation) = (0, 0, 0)
        #expect((0..<100).allSatisfy { augmentation.draw(DataRandom.augmentation(seed: 1, epoch: 0, index: $0)) == Placement() })
    }
}
