import Imaging
import TestSupport
import Testing

@testable import Segmentation

@Suite("Synapse's slices: augmentation and sizes")
struct SynapseSliceTests {
    /// The protocol's probabilities, every turn, both flips, every whole degree from −20 to 19;
    /// equal numbers give equal results.
    @Test func augmentationFollowsTheProtocol() {
        let augmentation = SynapseAugmentation()
        var (turned, rotated, unchanged) = (0, 0, 0)
        var (turns, axes, degrees): (Set<Int>, Set<Rotate.Axis>, Set<Int>) = ([], [], [])
        for index in 0..<8000 {
            let random = CounterRandom(seed: 42, stream: 3, substream: UInt64(index))
            let placement = augmentation.draw(random)
            #expect(placement == augmentation.draw(random))
            switch placement {
            case .turned(let quarterTurns, let flip):
                turned += 1
                turns.insert(quarterTurns)
                axes.insert(flip)
            case .rotated(let angle):
                rotated += 1
                degrees.insert(angle)
            case .unchanged: unchanged += 1
            }
        }
        #expect(abs(turned - 4000) < 200 && abs(rotated - 2000) < 200 && abs(unchanged - 2000) < 200)
        #expect(turns == [0, 1, 2, 3] && axes == [.rows, .columns] && degrees == Set(-20..<20))
    }

    /// Image and label are placed alike, and an unequal size is turned before it is resized.
    @Test func preparedSlicesEqualFixture() throws {
        let fixture = try GoldenFile("synapse_preprocess")
        let (image, label) = (fixture.floats("slice").values, fixture.labels("label").values)
        let sample = Sample(image: image, channels: 1, height: 50, width: 61, target: .labels(label), name: "slice")
        try withSynapseSet(slices: ["a"]) { folder in
            let options = SynapseDataset.Options(size: PlaneSize(height: 32, width: 32))
            let set = try SynapseDataset(folder, classNames: SynapseLayout.synapseClassNames, options: options)
            let prepared = set.prepare(sample, random: nil)
            #expect((prepared.channels, prepared.height, prepared.width) == (1, 32, 32))
            #expect(zip(prepared.image, fixture.floats("slice.zoom32x32").values).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(prepared.target == .labels(fixture.labels("label.zoom32x32").values))

            var seen = 0
            for index in 0..<40 {
                let random = CounterRandom(seed: 1, stream: 0, substream: UInt64(index))
                let placed = set.prepare(sample, random: random)
                #expect(placed == set.prepare(sample, random: random))
                guard case .rotated(let degrees) = options.augmentation.draw(random) else { continue }
                seen += 1
                let size = PlaneSize(height: 50, width: 61)
                let turned = Rotate.nearest(label, size: size, degrees: degrees, outside: 0)
                #expect(placed.target == .labels(NearestZoom(from: size, to: options.size)(turned)))
                #expect(
                    placed.image
                        == SplineZoom(from: size, to: options.size)(Rotate.nearest(image, size: size, degrees: degrees, outside: 0)))
            }
            #expect(seen > 0)
        }
    }

    @Test func labelsGoBackAsFixture() throws {
        let fixture = try GoldenFile("synapse_preprocess")
        let resizer = SliceResizer(slice: PlaneSize(height: 50, width: 61), network: PlaneSize(height: 32, width: 32))
        #expect(resizer.restore(fixture.labels("label.zoom32x32").values) == fixture.labels("label.back50x61").values)
        #expect(
            zip(resizer.prepare(fixture.floats("slice").values), fixture.floats("slice.zoom32x32").values).allSatisfy {
                abs($0 - $1) < 1e-6
            })
    }
}
