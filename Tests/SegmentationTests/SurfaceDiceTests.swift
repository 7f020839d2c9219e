import Foundation
import TestSupport
import Testing

@testable import Segmentation

@Suite("Normalised surface Dice")
struct SurfaceDiceTests {
    private struct Row: Decodable {
        let shape: [Int]
        let spacing: [Double]
        let a: String
        let b: String
        let surface_dice: [String: Double]

        func volume(_ mask: String) throws -> LabelVolume {
            try LabelVolume(
                shape: VolumeShape(depth: shape[0], height: shape[1], width: shape[2]), labels: mask.utf8.map { $0 == 0x31 ? 1 : 0 })
        }
    }

    /// Random blobs at several spacings and tolerances (Fixtures/nsd.py). MONAI computes in
    /// float32.
    @Test func equalsMONAI() throws {
        let rows = try JSONDecoder().decode([Row].self, from: Data(contentsOf: volumeFixtures.appending(path: "nsd.json")))
        #expect(rows.count == 3)
        for row in rows {
            let metrics = row.surface_dice.keys.map { VolumeMetric.normalizedSurfaceDice(tolerance: Double($0)!) }
            let scores = try VolumeScores(
                name: "blobs", prediction: row.volume(row.a), label: row.volume(row.b), classNames: ["background", "blob"],
                millimetres: VoxelSpacing(depth: row.spacing[0], height: row.spacing[1], width: row.spacing[2]), metrics: metrics)
            for (metric, wanted) in zip(metrics, row.surface_dice.values) {
                #expect(abs(try #require(scores.classes[0][metric]) - wanted) < 1e-6, "\(row.spacing) \(metric.name)")
            }
        }
    }

    /// Borders a voxel apart are within a tolerance of a voxel's size, however the spacing was rounded.
    @Test(arguments: [0.9999999, 1, 1.0000001, 1.00001]) func aTieCountsAsWithin(spacing: Double) throws {
        let shape = VolumeShape(depth: 1, height: 8, width: 8)
        func column(_ x: Int) throws -> LabelVolume {
            try LabelVolume(shape: shape, labels: (0..<64).map { $0 % 8 >= x ? 1 : 0 })
        }
        let metric = VolumeMetric.normalizedSurfaceDice(tolerance: 1)
        let scores = try VolumeScores(
            name: "case", prediction: column(3), label: column(4), classNames: ["0", "1"],
            millimetres: VoxelSpacing(depth: spacing, height: spacing, width: spacing), metrics: [metric])
        #expect(scores.classes[0][metric] == 1)
    }

    /// Missed and spurious classes score 0, classes in neither volume have no score. JSON has a key
    /// with the tolerance.
    @Test func absentClasses() throws {
        let shape = VolumeShape(depth: 2, height: 3, width: 3)
        func volume(_ labels: [Int: UInt8]) throws -> LabelVolume {
            try LabelVolume(shape: shape, labels: (0..<shape.count).map { labels[$0] ?? 0 })
        }
        let metric = VolumeMetric.normalizedSurfaceDice(tolerance: 0.5)
        let scores = try VolumeScores(
            name: "case", prediction: volume([4: 1, 5: 2]), label: volume([4: 1, 9: 3]), classNames: ["0", "1", "2", "3", "4"],
            metrics: VolumeMetric.published + [metric])
        #expect(scores.classes.map { $0[metric] } == [1, 0, 0, nil])
        let summary = try VolumeScoreSummary([scores])
        #expect(summary.strict.means[metric] == 1.0 / 3 && summary.published.means[metric] == nil)
        let object = try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any])
        #expect((object["strict"] as? [String: Any])?["nsd_0.5"] as? Double == 1.0 / 3)
        #expect((object["published"] as? [String: Any])?["nsd_0.5"] == nil)
        #expect(try JSONDecoder().decode(VolumeScoreSummary.self, from: JSONEncoder().encode(summary)) == summary)
    }
}
