#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The size of a label's region, and the image's intensities in it.
package struct RegionStatistics: Sendable, Codable, Equatable {
    /// The label's number.
    package var label: Int
    /// Its name.
    package var name: String
    /// Its voxels.
    package var voxels: Int
    /// Its volume in millilitres; nil if the size of a voxel is not known.
    package var milliliters: Double?
    /// The image's intensities there, in the image's own unit; nil if the label has no voxel.
    package var mean: Double?
    /// See ``mean``. Of an even number of voxels the mean of the middle two.
    package var median: Double?
    /// The standard deviation of the voxels themselves: of n voxels the sum of squares divided by
    /// n.
    package var deviation: Double?
    /// True if a voxel lies at the volume's border: the region may go on beyond it.
    package var touchesBorder: Bool

    private enum CodingKeys: String, CodingKey {
        case label, name, voxels, milliliters = "volume_ml", mean = "intensity_mean", median = "intensity_median"
        case deviation = "intensity_sd", touchesBorder = "touches_border"
    }

    /// Measures labels of a volume.
    ///
    /// - Parameters:
    ///   - intensities: the image, of as many voxels as the labels.
    ///   - names: the labels to measure, each with its name; those without a voxel are measured
    ///     too.
    ///   - voxelVolume: cubic millimetres of a voxel.
    package static func measure(
        _ labels: LabelVolume, on intensities: [Float], names: [(label: Int, name: String)], voxelVolume: Double?
    ) -> [RegionStatistics] {
        precondition(intensities.count == labels.shape.count, "RegionStatistics: \(intensities.count) intensities for \(labels.shape)")
        var values = [[Float]](repeating: [], count: 256)
        var atBorder = [Bool](repeating: false, count: 256)
        let (D, H, W) = (labels.shape.depth, labels.shape.height, labels.shape.width)
        let isMeasured = (0..<256).map { label in names.contains { $0.label == label } }
        var voxel = 0
        for z in 0..<D {
            for y in 0..<H {
                // A volume of one slice has no border above and below.
                let isEdge = D > 1 && (z == 0 || z == D - 1) || H > 1 && (y == 0 || y == H - 1)
                for x in 0..<W {
                    let label = Int(labels.labels[voxel])
                    if isMeasured[label] {
                        values[label].append(intensities[voxel])
                        if isEdge || W > 1 && (x == 0 || x == W - 1) { atBorder[label] = true }
                    }
                    voxel += 1
                }
            }
        }
        return names.map { entry in
            let found = values[entry.label].sorted(), count = found.count
            let mean = found.reduce(0.0) { $0 + Double($1) } / Double(max(count, 1))
            let variance = found.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(max(count, 1))
            return RegionStatistics(
                label: entry.label, name: entry.name, voxels: count,
                milliliters: voxelVolume.map { (Double(count) * $0).rounded() / 1000 }, mean: count == 0 ? nil : mean,
                median: count == 0 ? nil : (Double(found[(count - 1) / 2]) + Double(found[count / 2])) / 2,
                deviation: count == 0 ? nil : variance.squareRoot(), touchesBorder: atBorder[entry.label])
        }
    }

    /// A table with a line of names, as spreadsheets read it.
    package static func csv(_ regions: [RegionStatistics]) -> String {
        let rows = regions.map { region in
            [
                "\(region.label)", CSVText.field(region.name), "\(region.voxels)", CSVText.number(region.milliliters),
                CSVText.number(region.mean), CSVText.number(region.median), CSVText.number(region.deviation),
                region.touchesBorder ? "true" : "false",
            ]
        }
        return CSVText.table(
            ["label", "name", "voxels", "volume_ml", "intensity_mean", "intensity_median", "intensity_sd", "touches_border"], rows)
    }
}
