import Foundation
import TestSupport
import Testing

@testable import Segmentation

/// Samples with rare classes come several times.
@Suite struct BalancedSamplesTests {
    /// The formula of repeat-factor sampling: √(t / f) of the rarest class, at most ten.
    @Test func factorsAreThoseOfTheFormula() {
        // Of 1000 samples, class 1 in 900, class 2 in 40, class 3 in 1; one sample has 255, which
        // is no class.
        var presence = (0..<1000).map { $0 < 900 ? Set<UInt8>([0, 1]) : [0] }
        for i in 0..<40 { presence[i].insert(2) }
        presence[5].insert(3)
        presence[999].insert(255)
        let repeats = RepeatFactors.repeats(presence, classes: 4)
        #expect(repeats[0] == 2 && repeats[5] == 10)  // √(0.1 / 0.04) = 1.58; √(0.1 / 0.001) = 10
        #expect(repeats[50] == 1 && repeats[950] == 1 && repeats[999] == 1)
        let total = repeats.reduce(0, +)
        #expect(total == 1048)
    }

    @Test func aFolderWithFewLesions() throws {
        let folder = try TemporaryFolder()
        try folder.writePairs(40, split: "train")
        // One mask in forty has a lesion.
        for i in 1..<40 {
            try folder.write(
                .disc(width: 20 + i % 3, height: 20 + i % 2, value: 0), "train/masks/case_\(i)_segmentation.png")
        }
        var settings = DataSettings(.folder, path: folder.url.path)
        (settings.imageSize, settings.validationFraction) = (32, 0)
        let plain = try settings.dataset.layout.trainingData(settings, seed: 1).training
        settings.balance = true
        let balanced = try settings.dataset.layout.trainingData(settings, seed: 1).training
        #expect(plain.count == 40 && balanced.count == 41)  // √(0.1 / 0.025) = 2
        let names = (0..<balanced.count).map(balanced.name)
        #expect(names.count { $0 == "case_0" } == 2 && Set(names).count == 40)
        let (first, second, third) = (try balanced.sample(at: 0), try balanced.sample(at: 1), try balanced.sample(at: 2))
        #expect(try first == second && third == plain.sample(at: 1))
        #expect(try balanced.verify(forTraining: true).last?.hasPrefix("balanced by class: 41 samples an epoch of 40") == true)
    }
}
