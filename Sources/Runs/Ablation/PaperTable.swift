import Segmentation
import VMUNet

/// The paper's ablations and their results.
public enum PaperTable: String, Sendable, Codable, CaseIterable {
    /// Initial weights.
    case initialWeights = "III"
    /// Drop path, which the paper calls dropout.
    case dropPath = "IV"
    /// Blocks of encoder and decoder.
    case architecture = "V"
    /// Height and width of the input.
    case inputSize = "VI"

    /// Stands for no initial weights.
    static let nothing = "–"

    /// The paper's results of a row, in percent.
    public struct Scores: Sendable, Codable, Equatable {
        /// mIoU, in percent.
        public let miou: Double
        /// DSC, in percent.
        public let dsc: Double

        package init(miou: Double, dsc: Double) { (self.miou, self.dsc) = (miou, dsc) }
    }

    /// The paper's caption.
    public var title: String {
        switch self {
        case .initialWeights: "initial weights"
        case .dropPath: "dropout value"
        case .architecture: "encoder-decoder architecture"
        case .inputSize: "input size"
        }
    }

    /// The name of the table's first column.
    var axisName: String {
        switch self {
        case .initialWeights: "initial weights"
        case .dropPath: "drop path"
        case .architecture: "architecture"
        case .inputSize: "input size"
        }
    }

    /// Label, mIoU and DSC on ISIC17, mIoU and DSC on ISIC18.
    private var rows: [(label: String, isic17: Scores, isic18: Scores)] {
        func row(_ label: String, _ a: Double, _ b: Double, _ c: Double, _ d: Double) -> (label: String, isic17: Scores, isic18: Scores) {
            (label, Scores(miou: a, dsc: b), Scores(miou: c, dsc: d))
        }
        switch self {
        case .initialWeights:
            return [
                row(Self.nothing, 77.59, 87.38, 78.66, 88.06), row("VMamba-T", 78.85, 88.17, 79.04, 88.29),
                row("VMamba-S", 80.23, 89.03, 81.35, 89.71),
            ]
        case .dropPath:
            return [
                row("0.0", 80.45, 89.17, 79.33, 88.47), row("0.1", 80.02, 88.90, 80.23, 89.03), row("0.2", 80.23, 89.03, 81.35, 89.71),
                row("0.3", 80.20, 89.02, 79.72, 88.71),
            ]
        case .architecture:
            return [
                row("{2,2,2,2-2,2,2,1}", 80.23, 89.03, 81.35, 89.71), row("{2,2,2,2-2,2,2,2}", 79.23, 88.41, 80.74, 89.34),
                row("{2,2,3,2-2,3,2,2}", 78.75, 88.11, 80.52, 89.21), row("{2,2,4,2-2,4,2,2}", 79.37, 88.50, 81.13, 89.58),
                row("{2,2,9,2-2,9,2,2}", 79.67, 88.68, 81.05, 89.54),
            ]
        case .inputSize:
            return [
                row("256×256", 80.23, 89.03, 81.35, 89.71), row("384×384", 79.44, 88.54, 81.08, 89.55),
                row("512×512", 70.88, 82.96, 72.36, 83.96),
            ]
        }
    }

    /// The paper's results of a row; nil if it has none on this data set.
    public func figures(_ label: String, on dataset: Dataset) -> Scores? {
        guard let row = rows.first(where: { $0.label == label }) else { return nil }
        return ["isic17": row.isic17, "isic18": row.isic18][dataset.rawValue]
    }

    /// The labels of the table's rows, in the paper's order.
    public var labels: [String] { rows.map(\.label) }

    /// The table's grid over a base configuration.
    ///
    /// `initialWeights` has Table III's files under the paper's names, "VMamba-T" and "VMamba-S";
    /// rows without a file are left out.
    ///
    /// Throws ``ConfigurationFileError`` if the base does not allow it.
    public func grid(_ base: RunConfiguration, initialWeights: [String: String] = [:]) throws(ConfigurationFileError) -> AblationGrid {
        let variants = labels.compactMap { label -> AblationGrid.Variant? in
            switch self {
            case .initialWeights:
                if label == Self.nothing { return .init(label, [.init("initial_weights", "null")]) }
                // A JSON string is also a YAML string.
                return initialWeights[label].map { .init(label, [.init("initial_weights", $0.quotedForYAML)]) }
            case .dropPath: return .init(label, [.init("network.drop_path", label)])
            case .architecture:
                let halves = label.dropFirst().dropLast().split(separator: "-")
                return .init(label, [.init("network.depths", "[\(halves[0])]"), .init("network.decoder_depths", "[\(halves[1])]")])
            case .inputSize: return .init(label, [.init("data.image_size", "\(label.prefix { $0 != "×" })")])
            }
        }
        return try AblationGrid(
            title: "Table \(rawValue): \(title)", base: base, axes: [.init(axisName, variants)], table: self, path: "table \(rawValue)")
    }
}

extension String {
    /// The text in YAML's double quotes.
    fileprivate var quotedForYAML: String {
        "\""
            + unicodeScalars.map { scalar in
                switch scalar {
                case "\"", "\\": "\\\(scalar)"
                case "\u{20}"..."\u{7E}", "\u{A0}"...: "\(scalar)"
                default: "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                }
            }.joined() + "\""
    }
}
