import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

/// Variations of training samples beside albumentations, MONAI and SciPy
/// (Fixtures/variation.py).
@Suite struct SampleVariationTests {
    /// The picture of a size, and the numbers and results of its cases of one kind.
    private struct Cases {
        let image: [Float], height: Int, width: Int
        let cases: [(numbers: [Double], expected: GoldenFile.Tensor)]
        let tensors: [String: GoldenFile.Tensor]

        init(_ size: String, _ kind: String) throws {
            tensors = try GoldenFile("variation").tensors
            let picture = try #require(tensors[size])
            (image, height, width) = (picture.floats, picture.shape[0], picture.shape[1])
            cases = tensors.filter { $0.key.hasPrefix("\(size)/\(kind)/") }.map { name, tensor in
                (name.split(separator: "/").dropFirst(2).compactMap { Double($0) }, tensor)
            }
        }
    }

    /// float32 beside float64, of values to 255.
    private func expectEqual(_ got: [Float], _ expected: [Float], _ what: String) {
        let worst = zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(got.count == expected.count && worst < 2e-3, "\(what): \(worst)")
    }

    @Test(arguments: ["13x17", "1x1", "5x40"])
    func brightnessContrastAndGammaAreAlbumentations(size: String) throws {
        let recolored = try Cases(size, "recolored"), gamma = try Cases(size, "gamma")
        #expect(recolored.cases.count == 4 && gamma.cases.count == 2)
        for (numbers, expected) in recolored.cases {
            var values = recolored.image
            SampleVariation.recolor(&values, .init(brightness: numbers[0], contrast: 1 + numbers[1]), 0...255)
            expectEqual(values, expected.floats, "\(numbers)")
        }
        for (numbers, expected) in gamma.cases {
            var values = gamma.image
            SampleVariation.recolor(&values, .init(gamma: numbers[0] / 100), 0...255)
            expectEqual(values, expected.floats, "\(numbers)")
        }
    }

    /// Normalised volumes have no least and greatest value but their own.
    @Test func gammaWithinTheOwnRangeIsMONAIs() throws {
        for size in ["13x17", "5x40"] {
            let own = try Cases(size, "own")
            var values = own.image.map { $0 / 50 - 3 }
            let range = (values.min() ?? 0)...(values.max() ?? 0)
            SampleVariation.recolor(&values, .init(gamma: 0.7), range)
            let expected = try #require(own.cases.first).expected.floats
            #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-5 } && values.count == expected.count)
        }
    }

    @Test(arguments: ["13x17", "1x1", "5x40"])
    func blurIsSciPys(size: String) throws {
        let blurred = try Cases(size, "blurred")
        #expect(blurred.cases.count == 4)
        for (numbers, expected) in blurred.cases {
            let got = GaussianBlur(sigma: numbers[0]).applied(to: blurred.image, height: blurred.height, width: blurred.width)
            expectEqual(got, expected.floats, "σ \(numbers)")
        }
    }

    @Test(arguments: ["13x17", "1x1", "5x40"])
    func deformationIsSciPys(size: String) throws {
        let deformed = try Cases(size, "deformed"), labels = try Cases(size, "deformed_labels")
        let noise = try #require(deformed.tensors["\(size)/noise"]).floats
        let truth = try #require(deformed.tensors["\(size)/labels"]).bytes
        let sample = Sample(
            image: deformed.image, channels: 1, height: deformed.height, width: deformed.width, target: .labels(truth), name: size)
        #expect(deformed.cases.count == 2 && labels.cases.count == 2)
        for (numbers, expected) in deformed.cases {
            let got = Deformation(
                noise: noise, height: sample.height, width: sample.width, amplitude: numbers[0], sigma: numbers[1]
            ).applied(to: sample)
            // Places are float32, and values change by up to 255 a pixel.
            let worst = zip(got.image, expected.floats).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst < 1e-2, "\(numbers): \(worst)")
            let wanted = try #require(labels.cases.first { $0.numbers == numbers }).expected.bytes
            #expect(got.target == .labels(wanted), "\(numbers)")
        }
    }

    private func random(_ index: Int, epoch: Int = 0) -> CounterRandom { DataRandom.variation(seed: 7, epoch: epoch, index: index) }

    private let grey = Sample(
        image: [Float](repeating: 100, count: 3 * 24 * 24), channels: 3, height: 24, width: 24,
        target: .binary((0..<576).map { $0 % 24 < 12 ? 0 : 1 }), name: "")

    private func settings(_ set: (inout AugmentationSettings) -> Void) -> SampleVariation {
        var settings = AugmentationSettings()
        settings.probability = 1
        set(&settings)
        return SampleVariation(settings, range: 0...255)
    }

    /// Mean 0, a deviation of what was drawn, and no pixel or channel like another.
    @Test func noiseIsGaussian() throws {
        let variation = settings { $0.noise = 0.1 }
        var deviations: [Float] = []
        for index in 0..<40 {
            let drawn = try #require(variation.draw(random(index)).noise)
            let noise = variation.applied(to: grey, random(index)).image.map { $0 - 100 }
            let mean = noise.reduce(0, +) / Float(noise.count)
            let deviation = (noise.reduce(0) { $0 + $1 * $1 } / Float(noise.count)).squareRoot()
            // 1728 numbers: five standard errors of mean and deviation.
            let expected = Float(drawn) * 255
            #expect(abs(mean) < 0.121 * expected + 1e-4 && abs(deviation - expected) < 0.086 * expected + 1e-4)
            #expect(noise[0] != noise[1] && noise[0] != noise[576])
            // Of normal numbers, 68.3 % are within one deviation.
            let share = Float(noise.count { abs($0) < deviation }) / Float(noise.count)
            #expect(abs(share - 0.683) < 0.06)
            deviations.append(deviation)
        }
        #expect(deviations.allSatisfy { $0 <= 25.5 * 1.09 } && deviations.max()! > 20 && deviations.min()! < 5)
    }

    @Test func strengthsStayWithinTheirLimits() {
        let variation = settings {
            ($0.brightness, $0.contrast, $0.gamma, $0.blur, $0.elastic, $0.probability) = (0.2, 0.3, 0.5, 2, 30, 0.5)
        }
        let draws = (0..<4000).map { variation.draw(random($0)) }
        for (values, range) in [
            (draws.compactMap(\.brightness), -0.2...0.2), (draws.compactMap(\.contrast), 0.7...1.3),
            (draws.compactMap(\.gamma), 1 / 1.5...1.5), (draws.compactMap(\.blur), 0...2), (draws.compactMap(\.elastic), 0...30),
        ] {
            let extent = range.upperBound - range.lowerBound
            // Half of the samples: six standard deviations of 4000 tosses are 190.
            #expect(abs(values.count - 2000) < 190 && values.allSatisfy(range.contains))
            #expect(values.min()! < range.lowerBound + 0.01 * extent && values.max()! > range.upperBound - 0.01 * extent)
        }
        #expect(draws.allSatisfy { $0.noise == nil })
        // One strength changes nothing about the others.
        var other = variation
        other.settings.brightness = 0
        #expect(zip(draws, (0..<4000).map { other.draw(random($0)) }).allSatisfy { $0.contrast == $1.contrast && $0.elastic == $1.elastic })
    }

    /// A function of seed, epoch and index alone; unlike in another epoch and for another index.
    @Test func drawsAreAFunctionOfTheNumbers() {
        let variation = settings { ($0.brightness, $0.noise, $0.blur, $0.elastic) = (0.3, 0.1, 2, 40) }
        let first = variation.applied(to: grey, random(3))
        #expect(first == variation.applied(to: grey, random(3)))
        #expect(first != variation.applied(to: grey, random(4)) && first != variation.applied(to: grey, random(3, epoch: 1)))
        #expect(first.image.allSatisfy { (0...255).contains($0) })
    }

    /// Only a deformation touches the truth, and it never mixes it.
    @Test func truthIsNeverMixed() {
        let colors = settings { ($0.brightness, $0.contrast, $0.gamma, $0.noise, $0.blur) = (0.5, 0.5, 1, 0.2, 3) }
        let elastic = settings { ($0.elastic, $0.elasticSigma) = (60, 3) }
        for index in 0..<20 {
            #expect(colors.applied(to: grey, random(index)).target == grey.target)
            guard case .binary(let truth) = elastic.applied(to: grey, random(index)).target else { return }
            #expect(truth.allSatisfy { $0 == 0 || $0 == 1 })
        }
        #expect((0..<20).contains { elastic.applied(to: grey, random($0)).target != grey.target })
    }

    @Test func nothingChangesWhenOff() {
        #expect(SampleVariation(AugmentationSettings(), range: 0...255).applied(to: grey, random(1)) == grey)
        var data = DataSettings(.folder)
        #expect(data.variation == nil)
        data.augmentation.noise = 0.1
        #expect(data.variation?.range == 0...255)
        data.augment = false
        #expect(data.variation == nil)
        data = DataSettings(.nnunet)
        data.augmentation.gamma = 0.1
        #expect(data.variation != nil && data.variation?.range == nil)
    }
}
