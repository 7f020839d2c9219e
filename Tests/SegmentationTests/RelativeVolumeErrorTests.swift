import Foundation
import TestSupport
import Testing

@testable import Segmentation

@Suite("Relative volume error") struct RelativeVolumeErrorTests {
    private func volume(_ count: Int, of label: UInt8 = 1) throws -> LabelVolume {
        let shape = VolumeShape(depth: 2, height: 5, width: 5)
        return try LabelVolume(shape: shape, labels: (0..<shape.count).map { $0 < count ? label : 0 })
    }

    private func score(_ prediction: LabelVolume, _ label: LabelVolume) throws -> Double? {
        let scores = try VolumeScores(
            name: "case", prediction: prediction, label: label, classNames: ["background", "organ"], metrics: VolumeMetric.all)
        return scores.classes[0][.relativeVolumeError]
    }

    @Test(arguments: [(8, 10, 0.2), (10, 8, 0.25), (7, 7, 0), (30, 10, 2), (0, 10, 1), (10, 0, Double.infinity)])
    func isTheDifferenceOverTheTruth(predicted: Int, labelled: Int, wanted: Double) throws {
        #expect(try score(volume(predicted), volume(labelled)) == wanted)
    }

    @Test func aClassInNeitherHasNone() throws {
        #expect(try score(volume(0), volume(0)) == nil)
    }

    /// SimpleITK's volume similarity is 2·(A − B) / (A + B); A / B follows from it.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func followsFromSimpleITKsSimilarity() throws {
        let counts = [(8, 10), (10, 8), (30, 10), (50, 1), (1, 50)]
        let script = """
            import sys, numpy as np, SimpleITK as sitk
            def image(n):
                a = np.zeros(50, np.uint8); a[:n] = 1
                return sitk.GetImageFromArray(a.reshape(2, 5, 5))
            for pair in sys.argv[1:]:
                a, b = map(int, pair.split(","))
                f = sitk.LabelOverlapMeasuresImageFilter(); f.Execute(image(a), image(b))
                s = f.GetVolumeSimilarity(); print(abs((2 + s) / (2 - s) - 1))
            """
        let text = try Python.run(script, counts.map { "\($0.0),\($0.1)" })
        let theirs = text.split(separator: "\n").compactMap { Double($0) }
        try #require(theirs.count == counts.count)
        for ((predicted, labelled), wanted) in zip(counts, theirs) {
            let ours = try #require(try score(volume(predicted), volume(labelled)))
            let allowed = 1e-9 * max(1, wanted)
            #expect(abs(ours - wanted) < allowed)
        }
    }

    /// Infinite errors are left out of the strict mean; the paper's scoring lacks the
    /// metric. JSON has it under its key.
    @Test func summariesAndFilesHaveIt() throws {
        let scores = try [(8, 10), (10, 0), (0, 10)].map { predicted, labelled in
            try VolumeScores(
                name: "case", prediction: volume(predicted), label: volume(labelled), classNames: ["background", "organ"],
                metrics: VolumeMetric.all)
        }
        let summary = try VolumeScoreSummary(scores)
        #expect(abs(try #require(summary.strict.means[.relativeVolumeError]) - 0.6) < 1e-12)
        #expect(summary.published.means[.relativeVolumeError] == nil)
        let data = try JSONEncoder().encode(summary)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(abs(try #require((object["strict"] as? [String: Any])?["rve"] as? Double) - 0.6) < 1e-12)
        #expect(try JSONDecoder().decode(VolumeScoreSummary.self, from: data) == summary)
    }
}
