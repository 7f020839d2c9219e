import Foundation
import TestSupport
import Testing

@testable import Segmentation

@Suite("Scores of volumes")
struct VolumeScoreTests {
    private struct Row: Decodable {
        let `class`: Int
        let dice: Double
        let hd95: Double?
        let hd95Millimetres: Double?
        let published: [Double]

        enum CodingKeys: String, CodingKey {
            case `class`, dice, hd95, published
            case hd95Millimetres = "hd95_spacing_3_0.8_0.8"
        }
    }

    @Test func scoresEqualFixture() throws {
        let fixture = try GoldenFile("volume_metrics")
        let rows = try JSONDecoder().decode([Row].self, from: Data((fixture.metadata["rows"] ?? "").utf8))
        let prediction = try volume(fixture.labels("prediction"))
        let label = try volume(fixture.labels("label"))
        let names = (0...5).map { "class \($0)" }
        let voxels = try VolumeScores(name: "fixture", prediction: prediction, label: label, classNames: names)
        let millimetres = try VolumeScores(
            name: "fixture", prediction: prediction, label: label, classNames: names,
            millimetres: VoxelSpacing(depth: 3, height: 0.8, width: 0.8))
        #expect(rows.count == 5 && voxels.classes.count == 5)
        for (index, row) in rows.enumerated() {
            let (score, scaled) = (voxels.classes[index], millimetres.classes[index])
            #expect(score.value == row.class)
            #expect(abs((score.dice ?? 0) - row.dice) < 1e-12)
            #expect(close(score.hd95, row.hd95) && close(scaled.hd95, row.hd95Millimetres))
            #expect(abs(score.published(.dice) - row.published[0]) < 1e-12 && abs(score.published(.hd95) - row.published[1]) < 1e-12)
        }
        // Class 4 is predicted but absent; class 5 is in neither volume.
        #expect(voxels.classes[3].presence == .predictedOnly && voxels.classes[4].presence == .absent)
        #expect(voxels.classes[3][.dice] == 0 && voxels.classes[3][.hd95] == .infinity)
        #expect(voxels.classes[4][.dice] == nil && voxels.classes[4][.hd95] == nil)
    }

    @Test func summaryCountsWhatItLeavesOut() throws {
        let score = { (predicted: Int, labelled: Int, both: Int, hd95: Double?) in
            ClassScore(value: 1, name: "organ", predicted: predicted, labelled: labelled, both: both, hd95: hd95)
        }
        let volumes = [score(10, 10, 5, 2), score(4, 0, 0, nil), score(0, 4, 0, nil), score(0, 0, 0, nil)].map {
            VolumeScores(name: "case", unit: .voxels, classes: [$0])
        }
        let summary = try VolumeScoreSummary(volumes)
        #expect(summary.published.dice == (0.5 + 1 + 0 + 0) / 4 && summary.published.hd95 == 0.5)
        #expect(summary.strict.dice == 0.5 / 3 && summary.strict.hd95 == 2)
        #expect(summary.strict.infinite == 2 && summary.strict.absent == 1)
        #expect(summary.strict.classes[0].predictedOnly == 1 && summary.strict.classes[0].missed == 1)
        let copy = try JSONDecoder().decode(VolumeScoreSummary.self, from: JSONEncoder().encode(summary))
        #expect(copy == summary)
        #expect(throws: VolumeError.self) { try VolumeScoreSummary([]) }
    }

    /// Without any scores there is no mean, rather than an invented number.
    @Test func summaryOfNothingPresent() throws {
        let absent = ClassScore(value: 1, name: "organ", predicted: 0, labelled: 0, both: 0, hd95: nil)
        let summary = try VolumeScoreSummary([VolumeScores(name: "case", unit: .voxels, classes: [absent])])
        #expect(summary.strict.dice == nil && summary.strict.hd95 == nil && summary.strict.absent == 1)
        #expect(summary.published.dice == 0 && summary.published.hd95 == 0)
    }

    @Test func volumesThatDoNotFitAreRefused() throws {
        let shape = VolumeShape(depth: 1, height: 2, width: 2)
        let a = try LabelVolume(shape: shape, labels: [0, 1, 2, 3])
        let b = try LabelVolume(shape: VolumeShape(depth: 2, height: 1, width: 2), labels: [0, 1, 2, 3])
        #expect(throws: VolumeError.self) { try LabelVolume(shape: shape, labels: [0]) }
        #expect(throws: VolumeError.self) { try LabelVolume(shape: VolumeShape(depth: 0, height: 2, width: 2), labels: []) }
        #expect(throws: VolumeError.self) { try LabelVolume(shape: VolumeShape(depth: -1, height: -2, width: 2), labels: [1, 1, 1, 1]) }
        #expect(throws: VolumeError.self) { try VolumeScores(name: "", prediction: a, label: b, classNames: ["0", "1", "2", "3"]) }
        #expect(throws: VolumeError.self) { try VolumeScores(name: "", prediction: a, label: a, classNames: ["0", "1", "2"]) }
        #expect(throws: VolumeError.self) { try VolumeScores(name: "", prediction: a, label: a, classNames: []) }
        #expect(throws: VolumeError.self) {
            try SurfaceDistance.hausdorff95(a, a, of: 1, spacing: VoxelSpacing(depth: 1, height: 0, width: 1))
        }
        #expect(throws: VolumeError.self) {
            try SurfaceDistance.hausdorff95(a, a, of: 1, spacing: VoxelSpacing(depth: .nan, height: 1, width: 1))
        }
    }

    @Test func distancesOfSingleVoxels() throws {
        let shape = VolumeShape(depth: 3, height: 5, width: 7)
        var (a, b) = ([UInt8](repeating: 0, count: shape.count), [UInt8](repeating: 0, count: shape.count))
        a[0] = 255
        b[shape.count - 1] = 255
        let (first, last) = (try LabelVolume(shape: shape, labels: a), try LabelVolume(shape: shape, labels: b))
        let spacing = VoxelSpacing(depth: 2.5, height: 0.5, width: 3)
        #expect(try SurfaceDistance.hausdorff95(first, last, of: 255) == (4.0 + 16 + 36).squareRoot())
        #expect(try SurfaceDistance.hausdorff95(first, last, of: 255, spacing: spacing) == (25.0 + 4 + 324).squareRoot())
        #expect(try SurfaceDistance.hausdorff95(first, first, of: 255) == 0)
        #expect(try SurfaceDistance.hausdorff95(first, last, of: 7) == nil)
    }

    @Test func percentileInterpolates() {
        #expect(SurfaceDistance.percentile95([]) == nil)
        #expect(SurfaceDistance.percentile95([4]) == 4)
        #expect(SurfaceDistance.percentile95([2, 1]) == 1 + 0.95)
        #expect(SurfaceDistance.percentile95((0...100).map(Double.init).shuffled()) == 95)
        #expect(SurfaceDistance.percentile95([Double](repeating: 3, count: 1000)) == 3)
    }

    /// Random blobs and noise in many shapes and spacings, including one slice and one line,
    /// compared with SciPy's transform.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func distancesEqualSciPy() throws {
        try withTemporaryFolder { folder in
            let text = try Python.run(
                """
                import sys, numpy as np
                from scipy import ndimage
                rs = np.random.RandomState(11)
                def hd95(a, b, spacing):
                    s = ndimage.generate_binary_structure(a.ndim, 1)
                    ea, eb = a ^ ndimage.binary_erosion(a, s), b ^ ndimage.binary_erosion(b, s)
                    f = lambda e, x: ndimage.distance_transform_edt(~e, sampling=spacing)[x]
                    return float(np.percentile(np.hstack([f(eb, ea), f(ea, eb)]), 95))
                shapes = [(1, 1, 1), (1, 1, 9), (9, 1, 1), (1, 40, 33), (2, 3, 4), (17, 1, 23), (20, 31, 44), (33, 40, 7), (12, 64, 64)]
                n = 0
                for shape in shapes:
                    for kind in range(4):
                        if kind == 0: a, b = (rs.rand(*shape) < .03 for _ in "ab")
                        elif kind == 1: a, b = (rs.rand(*shape) < .7 for _ in "ab")
                        else:
                            a, b = (ndimage.gaussian_filter(rs.rand(*shape), 2) for _ in "ab")
                            a, b = a > np.quantile(a, .8), b > np.quantile(b, .6)
                        if kind == 3: b = a.copy(); b.flat[rs.randint(b.size)] ^= True
                        spacing = (1., 1., 1.) if kind % 2 else tuple(rs.uniform(.3, 5, 3))
                        if not (a.any() and b.any()): continue
                        np.stack([a, b]).astype(np.uint8).tofile(f"{sys.argv[1]}/{n}"); n += 1
                        print(*shape, *(repr(float(x)) for x in spacing), repr(hd95(a, b, spacing)))
                """, [folder.path])
            let lines = text.split(separator: "\n")
            #expect(lines.count > 20)
            for (i, line) in lines.enumerated() {
                let numbers = line.split(separator: " ").compactMap { Double($0) }
                let shape = VolumeShape(depth: Int(numbers[0]), height: Int(numbers[1]), width: Int(numbers[2]))
                let spacing = VoxelSpacing(depth: numbers[3], height: numbers[4], width: numbers[5])
                let both: [UInt8] = try readVolumeValues(folder.appendingPathComponent("\(i)"))
                let a = try LabelVolume(shape: shape, labels: Array(both.prefix(shape.count)))
                let b = try LabelVolume(shape: shape, labels: Array(both.suffix(shape.count)))
                let distance = try SurfaceDistance.hausdorff95(a, b, of: 1, spacing: spacing)
                #expect(close(distance, numbers[6]), "\(line): \(String(describing: distance))")
            }
        }
    }

    private func volume(_ tensor: (values: [UInt8], shape: [Int])) throws -> LabelVolume {
        try LabelVolume(
            shape: VolumeShape(depth: tensor.shape[0], height: tensor.shape[1], width: tensor.shape[2]), labels: tensor.values)
    }

    private func close(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) <= 1e-12 * max(1, abs(b))
    }
}
