import Files
import Foundation
import Imaging
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

/// A network that predicts class 1 where the first channel is above 0.5.
struct BrightnessNetwork: InferenceNetwork {
    let classes = 2
    var inputChannels = 1
    let sizeMultiple = 32

    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        let area = height * width
        return (0..<batch).flatMap { picture -> [Float] in
            let first = picture * inputChannels * area
            let plane = images[first..<first + area]
            return plane.map { 20 * (0.5 - $0) } + plane.map { 20 * ($0 - 0.5) }
        }
    }
}

@Suite("The plan of a set of volumes, and how volumes follow it")
struct VolumePlanTests {
    private func convention(_ change: (inout WeightsMetadata) -> Void) -> InputConvention {
        var known = WeightsMetadata()
        (known.input, known.valueRange, known.sliceFit) = (.volumes, 0...1, .spacing)
        change(&known)
        return InputConvention(known)
    }

    private func segmenter(_ convention: InputConvention, size: Int = 32, channels: Int = 1, batch: Int = 3) -> VolumeSegmenter {
        VolumeSegmenter(
            network: BrightnessNetwork(inputChannels: channels), networkSize: PlaneSize(height: size, width: size), batchSize: batch,
            convention: convention)
    }

    // MARK: The plan

    /// The median spacing, slices across the least resolved axis whatever the files' own order, the
    /// set's channels.
    @Test func spacingAndAxis() throws {
        try withVolumeSet { set in
            try set.json(#"{"channel_names": {"0": "MR"}, "labels": {"background": 0, "organ": 1}}"#)
            for (name, spacing) in [("a", [1, 4, 1.5]), ("b", [1, 5, 1.0]), ("c", [0.5, 6, 1.25])] {
                let ball = VolumeSetFolder.ball(1, at: (6, 10, 8))
                try set.write(ball.image, VolumeSetFolder.shape, to: "imagesTr/\(name)_0000.nii.gz", spacing: spacing)
                try set.write(ball.labels, VolumeSetFolder.shape, to: "labelsTr/\(name).nii.gz", spacing: spacing)
            }
            let settings = try set.resolved()
            // Coronal slices: the second axis of RAS is the least resolved.
            #expect(settings.voxelOrder == VoxelOrder("RSA") && settings.spacing?.text == "5,1.25,1")
            #expect(settings.imageSize == 64 && settings.neighbors == 1)
            let own = try set.resolved {
                ($0.voxelOrder, $0.spacing) = (VoxelOrder("RAS"), VoxelSpacing(depth: 2, height: 3, width: 0.5))
                ($0.neighbors, $0.normalization) = (0, [.window(.percentiles)])
            }
            #expect(own.voxelOrder == VoxelOrder("RAS") && own.spacing?.text == "2,3,0.5" && own.inputChannels == 1)
            #expect(own.normalization == [.window(.percentiles)])
            // The weights carry the plan, and predicting reads it from there.
            let metadata = try WeightsMetadata(settings.dataset.layout.origin(settings).values)
            #expect(metadata.channels == ["MR"] && metadata.sliceFit == .spacing && metadata.neighbors == 1 && metadata.inputChannels == 3)
            let convention = InputConvention(metadata)
            #expect(convention.sliceSpacing?.text == "5,1.25,1" && convention.normalization(of: 0) == .zScore)
            #expect(convention.volumeAssumptions.isEmpty && convention.neighbors == 1)
        }
    }

    @Test(arguments: ["zscore", "-100,240.5", "percentiles", "minmax", "none"])
    func normalizationsAsText(_ text: String) throws {
        let value = try #require(Normalization(text))
        #expect(value.description == text)
        #expect(try JSONDecoder().decode([Normalization].self, from: JSONEncoder().encode([value])) == [value])
        #expect(Normalization(text + "x") == nil)
    }

    // MARK: Resampling

    /// Slices at another spacing equal SciPy's zoom of whole pixels, images and labels, there and
    /// back.
    @Test(
        .enabled(if: Python.isAvailable, "set VMUNET_PYTHON"),
        arguments: [[1, 0.8, 1.3], [1, 1.7, 0.61], [2, 1, 1], [1, 2.5, 2.5]])
    func resamplingEqualsSciPy(_ spacing: [Double]) throws {
        try withVolumeSet { set in
            var random = VolumeRandom(state: 7)
            let (D, H, W) = (4, 37, 29)
            let values = (0..<D * H * W).map { _ in Float.random(in: -0.5...0.5, using: &random) }
            try set.write(values, [D, H, W], to: "v.nii.gz", spacing: [spacing[2], spacing[1], spacing[0]])
            let convention = convention {
                ($0.window, $0.voxelOrder) = (IntensityWindow.none, VoxelOrder("RAS"))
                $0.spacing = VoxelSpacing(depth: 1, height: 1, width: 1)
            }
            let volume = try PreparedVolume(VolumeFile(set.url.appending(path: "v.nii.gz")), path: "v", convention: convention)
            try writeVolumeBytes(values, to: set.url.appending(path: "v"))
            try Python.run(
                """
                import sys, numpy as np
                from scipy.ndimage import zoom
                h, w = int(sys.argv[2]), int(sys.argv[3])
                v = np.fromfile(sys.argv[1] + "/v", "<f4").reshape(4, 37, 29).astype("f8")
                r = np.stack([zoom(s, (h / 37, w / 29), order=1, mode="nearest", grid_mode=True) for s in v])
                assert r.shape == (4, h, w), r.shape
                r.astype("<f4").tofile(sys.argv[1] + "/r")
                """, [set.url.path, "\(volume.plane.height)", "\(volume.plane.width)"])
            let expected: [Float] = try readVolumeValues(set.url.appending(path: "r"))
            #expect(volume.plane == PlaneSize(height: Int((37 * spacing[1]).rounded()), width: Int((29 * spacing[2]).rounded())))
            #expect(largestDifference((0..<D).flatMap(volume.planes(at:)), expected) <= 1e-5)
        }
    }

    /// Labels come back on the file's own grid, in its own order, whatever spacing and size the
    /// network has, and whether planes are padded or cut into squares.
    @Test(arguments: ["RAS", "LPS", "SAL", "ASR"], [32, 64])
    func labelsComeBackOntoTheGrid(_ stored: String, _ size: Int) throws {
        try withVolumeSet { set in
            let order = try #require(VoxelOrder(stored)), ras = try #require(VoxelOrder("RAS"))
            let shape = VolumeShape(depth: 9, height: 50, width: 41)
            // Two blocks with straight edges, which any spacing moves by less than a pixel.
            let inside = (0..<shape.count).map { voxel -> Bool in
                let (z, y, x) = (voxel / 2050, voxel / 41 % 50, voxel % 41)
                let isFirst = y >= 8 && y < 20 && x >= 4 && x < 14
                let isSecond = y >= 28 && y < 46 && x >= 20 && x < 38
                return z >= 2 && z <= 6 && (isFirst || isSecond)
            }
            let turn = ras.turn(to: order)
            let image = turn.applied(to: inside.map { Int16($0 ? 200 : -100) }, shape)
            let turned = turn.applied(to: shape)
            let geometry = VolumeGeometry(along: order)
            let url = set.url.appending(path: "v.nii")
            try NIfTIFile.write(
                VolumeImage(voxels: HostTensor(image, shape: [turned.depth, turned.height, turned.width]), geometry: geometry), to: url)
            for target in [1.0, 0.7, 1.6] {
                let convention = convention {
                    ($0.window, $0.voxelOrder) = (.fixed(low: -100, high: 200), ras)
                    $0.spacing = VoxelSpacing(depth: 1, height: target, width: target)
                }
                let volume = try PreparedVolume(VolumeFile(url), path: "v", convention: convention)
                var done = 0
                let labels = try segmenter(convention, size: size).segment(volume) { done = $0 }
                #expect(labels.shape == turned && done == 9)
                let found = turn.inverse.applied(to: labels.labels, turned).map { $0 == 1 }
                let wrong = zip(found, inside).count { $0 != $1 }
                // Exact at the file's own spacing; at others, some edge pixels may differ.
                let allowed = target == 1 ? 0 : inside.count { $0 } / 6
                #expect(wrong <= allowed, "\(target): \(wrong)")
                let maps = try segmenter(convention, size: size).maps(of: volume, shows: true)
                #expect(maps.labels == labels && maps.probabilities.count == 1)
                let agree = zip(maps.probabilities[0], labels.labels).allSatisfy { share, label in
                    (share >= 128) == (label == 1) || abs(Int(share) - 128) < 2
                }
                #expect(agree)
            }
        }
    }

    @Test(arguments: [(5, 32), (32, 32), (33, 32), (64, 32), (65, 32), (100, 32), (512, 256)])
    func squaresCoverThePlane(_ extent: Int, _ size: Int) {
        let starts = SlidingWindow.starts(extent, size)
        guard extent > size else {
            #expect(starts == [-((size - extent) / 2)])
            return
        }
        #expect(starts.first == 0 && starts.last == extent - size && starts == starts.sorted())
        // Each begins where the one before is at most half over.
        #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 - $0 <= size / 2 })
        let tiles = SlidingWindow(PlaneSize(height: extent, width: size), size: PlaneSize(height: size, width: size))
        #expect(tiles.count == starts.count && tiles.importance.allSatisfy { $0 > 0 })
    }

    // MARK: Intensities

    /// Mean and deviation as NumPy computes them, over voxels other than 0 if the background was
    /// removed.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"), arguments: [false, true])
    func zScoreEqualsNumPy(_ isCut: Bool) throws {
        try withVolumeSet { set in
            var random = VolumeRandom(state: 3)
            let values = (0..<6 * 12 * 10).map { _ in
                isCut && Double.random(in: 0...1, using: &random) < 0.4 ? 0 : Float.random(in: 60_000...61_000, using: &random)
            }
            try set.write(values, [6, 12, 10], to: "v.nii.gz")
            try writeVolumeBytes(values, to: set.url.appending(path: "v"))
            try Python.run(
                """
                import sys, numpy as np
                v = np.fromfile(sys.argv[1] + "/v", "<f4").astype("f8")
                p = v[v != 0] if (v == 0).mean() >= .25 else v
                ((v - p.mean()) / p.std()).astype("<f4").tofile(sys.argv[1] + "/r")
                """, [set.url.path])
            let convention = convention { $0.normalization = [.zScore] }
            let volume = try PreparedVolume(VolumeFile(set.url.appending(path: "v.nii.gz")), path: "v", convention: convention)
            let expected: [Float] = try readVolumeValues(set.url.appending(path: "r"))
            #expect(largestDifference((0..<6).flatMap(volume.planes(at:)), expected) <= 1e-3)
        }
    }

    /// Channels in their order, each with its neighbours; the last slice is repeated beyond the
    /// end.
    @Test func neighborsAreChannels() throws {
        try withVolumeSet { set in
            let (D, H, W) = (4, 9, 8)
            let a = (0..<D * H * W).map { Float($0 / (H * W)) }, b = a.map { 10 + $0 }
            try set.write(a, [D, H, W], to: "v_0000.nii.gz")
            try set.write(b, [D, H, W], to: "v_0001.nii.gz")
            let convention = convention {
                ($0.channels, $0.neighbors, $0.normalization) = (["a", "b"], 1, [.window(.none), .window(.none)])
            }
            let files = try (0..<2).map { try VolumeFile(set.url.appending(path: "v_000\($0).nii.gz")) }
            let volume = try PreparedVolume(files, path: "v", convention: convention)
            func first(_ planes: [Float]) -> [Float] { stride(from: 0, to: planes.count, by: H * W).map { planes[$0] } }
            #expect(first(volume.planes(at: 0)) == [0, 0, 1, 10, 10, 11])
            #expect(first(volume.planes(at: 2)) == [1, 2, 3, 11, 12, 13])
            #expect(first(volume.planes(at: 3)) == [2, 3, 3, 12, 13, 13])
            let error = try #require(throws: DataError.self) { try PreparedVolume(files[0], path: "v", convention: convention) }
            #expect(error.description.contains("has 1 channel, the weights take 2 (a, b)"))
        }
    }

    // MARK: Training slices

    /// Validation sees each slice as prediction does; training sees rare classes more often.
    @Test func slicesOfTheSet() throws {
        try withVolumeSet { set in
            try set.json(#"{"channel_names": {"0": "MR"}, "labels": {"background": 0, "organ": 1, "dot": 2, "never": 3}}"#)
            for index in 0..<5 {
                var ball = VolumeSetFolder.ball(1, at: (6, 10, 8))
                // One voxel of the second class in all, in the first case.
                if index == 0 { ball.labels[(6 * 20 + 10) * 16 + 8] = 2 }
                try set.write(ball.image, VolumeSetFolder.shape, to: "imagesTr/c\(index).nii.gz")
                try set.write(ball.labels, VolumeSetFolder.shape, to: "labelsTr/c\(index).nii.gz")
            }
            let settings = try set.resolved { $0.validationFraction = 0 }
            let data = try settings.dataset.layout.trainingData(settings, seed: 0)
            #expect(data.validation == nil)
            // 60 slices; the dot's share is 1/60, so that its slice comes √(0.1 · 60) = 2.4 times.
            #expect(data.training.count == 61)
            #expect((0..<61).count { data.training.name(at: $0) == "c0 slice 7" } == 2)
            #expect(try data.training.verify(forTraining: true) == ["declared, but in no case: label 3 (never)"])
            let set0 = try #require(data.training as? CaseSlices)
            let loaded = try set0.load(at: 6)
            let sample = set0.prepare(loaded, random: nil)
            #expect((sample.channels, sample.height, sample.width) == (3, 64, 64) && (loaded.height, loaded.width) == (20, 16))
            guard case .labels(let labels) = sample.target else { throw TestFailure("no labels") }
            // The slice lies in the middle, its rows from 22 on, its columns from 24 on.
            #expect(labels[(22 + 10) * 64 + 24 + 8] == 2 && labels[(22 + 9) * 64 + 24 + 8] == 1 && labels[0] == 0)
            #expect(sample.image[64 * 64 + (22 + 10) * 64 + 24 + 8] == loaded.image[320 + 10 * 16 + 8] && sample.image[0] == 0)
            // Equal numbers vary it equally, and the whole organ stays in sight.
            let random = DataRandom.augmentation(seed: 1, epoch: 2, index: 3)
            let (a, b) = (set0.prepare(loaded, random: random), set0.prepare(loaded, random: random))
            #expect(a == b && a != sample)
            guard case .labels(let varied) = a.target else { throw TestFailure("no labels") }
            let (before, after) = (labels.count { $0 != 0 }, varied.count { $0 != 0 })
            #expect(after > before / 2 && after < 2 * before)
        }
    }

    /// Larger slices than the network's input are cut where classes are.
    @Test func squaresSeeTheForeground() throws {
        let plane = PlaneSize(height: 100, width: 80), size = PlaneSize(height: 32, width: 32)
        let middle = Patch(plane, size: size, around: (99, 0))
        let values = (0..<8000).map(Float.init)
        #expect(middle.image(values).first == 68 * 80 && middle.image(values).last == 99 * 80 + 31)
        #expect(middle.nearest([UInt8](repeating: 3, count: 8000)).allSatisfy { $0 == 3 })
        let center = Patch(plane, size: size, around: (50, 40))
        let turned = center.varied(.init(degrees: 90))
        // A quarter turn anticlockwise: what was right comes to the top.
        #expect(turned.image(values)[0] == center.image(values)[31] && turned.image(values)[31] == center.image(values)[1023])
        let larger = center.varied(.init(zoom: 2)).image(values), plain = center.image(values)
        let above: Float = plain[7 * 32 + 7] * 0.0625 + plain[7 * 32 + 8] * 0.1875
        let below: Float = plain[8 * 32 + 7] * 0.1875 + plain[8 * 32 + 8] * 0.5625
        #expect(larger[0] == above + below)
    }
}
