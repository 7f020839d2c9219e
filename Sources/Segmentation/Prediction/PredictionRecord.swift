import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The results for one input: an entry of `predictions.json`.
package struct PredictionRecord: Sendable, Equatable, Codable {
    /// The input's path as given.
    package var input: String
    /// Which file that is; nil in a table of an earlier version.
    package var source: InputIdentity?
    /// The names of the files made from it, in the folder of `predictions.json`.
    package var files: [String]
    /// Files of earlier results for this input that are still there: of another format, or from before
    /// a failure. Nil for none.
    package var earlierFiles: [String]?
    /// The amount found of each class, without the background.
    package var classes: [ClassAmount]
    /// The network's uncertainty; nil unless measured.
    package var doubt: Doubt?
    /// The likeness to the training pictures; nil if the weights do not record them.
    package var familiarity: Familiarity?
    /// Why there is no result; nil if there is one.
    package var error: String?
    /// The version of vmunet.
    package var version: String
    /// The SHA-256 of the weights' file, in hexadecimal.
    package var weights: String
    /// Every setting that affects the result.
    package var settings: Settings

    /// A picture's distance from those of training.
    package struct Familiarity: Sendable, Equatable, Codable {
        /// The distance.
        package var distance: Double
        /// The distance within which 99 of 100 training pictures lie.
        package var limit: Double
        /// True if the distance exceeds the limit.
        package var isUnlike: Bool

        /// Rounded to four digits after the point.
        package init(distance: Double, limit: Double) {
            func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }
            (self.distance, self.limit, isUnlike) = (rounded(distance), rounded(limit), distance > limit)
        }

        private enum CodingKeys: String, CodingKey {
            case distance, limit, isUnlike = "unlike_training"
        }
    }

    /// The amount of a class in an input.
    package struct ClassAmount: Sendable, Equatable, Codable {
        /// The class's number in the mask.
        package var label: Int
        /// Its name, if the weights record one.
        package var name: String?
        /// Pictures: its pixels, and their share of the picture in percent.
        package var pixels: Int?, percent: Double?
        /// Volumes: its voxels, and their volume in millilitres if the spacing is known.
        package var voxels: Int?, milliliters: Double?

        /// A class of a picture.
        package init(label: Int, name: String?, pixels: Int, of area: Int) {
            (self.label, self.name, self.pixels) = (label, name, pixels)
            percent = (Double(pixels) / Double(max(area, 1)) * 1e6).rounded() / 1e4
        }

        /// A class of a volume; `spacing` is in millimetres, nil if unknown.
        package init(label: Int, name: String?, voxels: Int, spacing: VoxelSpacing?) {
            (self.label, self.name, self.voxels) = (label, name, voxels)
            milliliters = spacing.map { (Double(voxels) * $0.depth * $0.height * $0.width).rounded() / 1000 }
        }

        /// A class of a volume; `voxelVolume` in cubic millimetres, nil if it is not known.
        package init(label: Int, name: String?, voxels: Int, voxelVolume: Double?) {
            (self.label, self.name, self.voxels) = (label, name, voxels)
            milliliters = voxelVolume.map { (Double(voxels) * $0).rounded() / 1000 }
        }

        private enum CodingKeys: String, CodingKey {
            case label, name, pixels, percent = "share_percent", voxels, milliliters = "volume_ml"
        }
    }

    /// The names of the files made from the input, by this run and by earlier ones.
    var all: [String] { files + (earlierFiles ?? []) }

    /// The settings of a prediction.
    package struct Settings: Sendable, Equatable, Codable {
        /// The name of the weights' file.
        package var weights: String
        /// Rows and columns of the network's input.
        package var imageSize: Int
        /// The least probability of a foreground pixel; nil for several classes.
        package var threshold: Double?
        /// `fp32` or `bf16`.
        package var precision: String
        /// The largest value of the network's input.
        package var valueRange: Double
        /// Volumes: the window of intensities.
        package var window: String?
        /// Volumes: the voxel order that they were turned to; nil if they kept the stored order.
        package var voxelOrder: String?
        /// The size of tiles, and the share of a tile that its neighbour covers too; nil if inputs
        /// are resized.
        package var tile: Int?, overlap: Double?
        /// Views that were averaged; nil for the picture alone.
        package var augmentation: TestTimeAugmentation?
        /// The clean-up of the labels; nil for none.
        package var cleanUp: String?

        /// The settings of a prediction.
        package init(
            weights: String, imageSize: Int, threshold: Double?, precision: String, valueRange: Double, window: String? = nil,
            voxelOrder: String? = nil
        ) {
            (self.weights, self.imageSize, self.threshold, self.precision) = (weights, imageSize, threshold, precision)
            (self.valueRange, self.window, self.voxelOrder) = (valueRange, window, voxelOrder)
        }

        private enum CodingKeys: String, CodingKey {
            case weights, imageSize = "image_size", threshold, precision, valueRange = "value_range", window, voxelOrder = "voxel_order"
            case tile, overlap, augmentation = "test_time_augmentation", cleanUp = "clean_up"
        }
    }

    /// The result in words: "lesion 3.2 % of the picture", "spleen 152.3 ml, liver 1203 ml",
    /// "nothing found".
    package var sentence: String {
        let found = classes.filter { ($0.pixels ?? $0.voxels ?? 0) > 0 }
        guard !found.isEmpty else { return classes.isEmpty ? "done before" : "nothing found" }
        let words = found.prefix(6).map { amount in
            let name = amount.name ?? "class \(amount.label)"
            if let percent = amount.percent { return "\(name) \(fixedPoint(percent, digits: 1)) %" }
            if let milliliters = amount.milliliters { return "\(name) \(fixedPoint(milliliters, digits: 1)) ml" }
            return "\(name) \(amount.voxels ?? 0) voxels"
        }
        return words.joined(separator: ", ") + (found.count > 6 ? " and \(found.count - 6) more" : "")
            + (found.contains { $0.percent != nil } ? " of the picture" : "")
    }

    /// The error of an input whose turn has not come, or whose process was killed in the middle.
    package static let unfinished = "not finished"

    /// The results for an input.
    package init(
        input: String, source: InputIdentity?, files: [String], classes: [ClassAmount] = [], error: String? = nil, weights: String,
        settings: Settings
    ) {
        (self.input, self.source, self.files, self.classes, self.error) = (input, source, files, classes, error)
        (self.version, self.weights, self.settings) = (Provenance.version, weights, settings)
    }

    private enum CodingKeys: String, CodingKey {
        case input, source, files, earlierFiles = "earlier_files", classes, doubt, familiarity, error, version, weights = "weights_sha256",
            settings
    }
}
