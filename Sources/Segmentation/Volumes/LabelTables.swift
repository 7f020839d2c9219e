import Files
import Imaging
import TensorFiles

/// The names and colours of labels as the programs that show label maps read them.
package enum LabelTables {
    /// JSON, a name for each number: `{"0": "background", "1": "spleen"}`.
    package static func json(_ labels: [VolumeLabel]) throws -> String {
        let names = Dictionary(([VolumeLabel.background] + labels).map { ("\($0.value)", $0.name) }) { _, last in last }
        return try JSONText.encode(names) + "\n"
    }

    /// ITK-SNAP's label descriptions: index, red, green, blue, opacity, visible, in the mesh, name.
    package static func itkSnap(_ labels: [VolumeLabel]) -> String {
        let lines = labels.map { label in
            "\(label.value) \(label.color.map { "\($0)" }.joined(separator: " ")) 1 1 1 \"\(line(label.name).map { $0 == "\"" ? "'" : String($0) }.joined())\""
        }
        return (["# ITK-SNAP label descriptions", "0 0 0 0 0 0 0 \"Clear Label\""] + lines).joined(separator: "\n") + "\n"
    }

    /// 3D Slicer's colour table: index, name without spaces, red, green, blue, opacity.
    package static func slicer(_ labels: [VolumeLabel]) -> String {
        let lines = labels.map { label in
            "\(label.value) \(line(label.name).map { $0.isWhitespace ? "_" : String($0) }.joined()) \(label.color.map { "\($0)" }.joined(separator: " ")) 255"
        }
        return (["# Color table file", "0 background 0 0 0 0"] + lines).joined(separator: "\n") + "\n"
    }

    /// One line, for a table has one line a label.
    private static func line(_ name: String) -> String { name.printable(limit: 200) }
}

extension VolumeLabel {
    static let background = VolumeLabel(value: 0, name: "background", color: [0, 0, 0])

    /// A label with the colour that weights give it, as `#RRGGBB`, or the usual one.
    public init(value: Int, name: String, hexColor: String?) {
        let digits = hexColor.map { Array($0.utf8.dropFirst()) } ?? []
        let parts =
            digits.count == 6 ? (0..<3).compactMap { UInt8(String(decoding: digits[2 * $0...2 * $0 + 1], as: UTF8.self), radix: 16) } : []
        let usual = LabelColors.color(of: value) ?? (0, 0, 0)
        self.init(value: value, name: name, color: parts.count == 3 ? parts : [usual.red, usual.green, usual.blue])
    }
}

extension Segmenter {
    /// The labels of its results, without the background.
    public var labels: [VolumeLabel] {
        let values = network.classes == 1 ? [1] : Array(1..<network.classes)
        let colors = metadata.classColors.flatMap { $0.count == max(network.classes, 2) ? $0 : nil }
        return values.map { VolumeLabel(value: $0, name: name(of: $0), hexColor: colors?[$0]) }
    }
}
