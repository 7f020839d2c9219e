import Imaging
import TensorFiles

/// What weights carry beside their tensors: what they were trained on, and what their input has to look like.
///
/// Each value stands under a key of its own, as text in `.safetensors` and beside the state dictionary in `.pth`. Everything may
/// be missing, for the weights of others say nothing: what is then assumed is told to the user, never guessed from sizes.
public struct WeightsMetadata: Sendable, Equatable {
    /// The newest form of these keys that this version knows.
    public static let newestFormat = 1

    /// What a network was trained to see.
    public enum Input: String, Sendable, Codable {
        /// Colour pictures, stretched to the value range by their own extremes.
        case pictures
        /// Volumes, slice by slice, intensities mapped by a window to the value range.
        case volumes
    }

    /// The form that the keys are written in; nil where the file says none: weights of others, or of a version before this.
    public var format: Int?
    /// Pictures or volumes.
    public var input: Input?
    /// How the pictures came to be, such as `dermoscopy`, `CT` or `MR`.
    public var modality: String?
    /// Volumes: the intensities that were mapped to the value range.
    public var window: IntensityWindow?
    /// Volumes: the directions of the axes.
    public var voxelOrder: VoxelOrder?
    /// Volumes: millimetres between slices, rows and columns of the training set.
    public var spacing: VoxelSpacing?
    /// The values that intensities had in training: 0…255 or 0…1.
    public var valueRange: ClosedRange<Double>?
    /// Channels of the input: 3, or 1 for grey that is repeated.
    public var inputChannels: Int?
    /// One name a class, background first.
    public var classNames: [String]?
    /// One colour a class as `#RRGGBB`, background first.
    public var classColors: [String]?
    /// The kind of the training set.
    public var dataset: Dataset?
    /// The probability from which on a pixel is foreground.
    public var threshold: Double?
    /// Rows and columns that the network was trained at.
    public var imageSize: Int?
    /// The label of pixels that counted in nothing.
    public var ignoredLabel: Int?

    /// Nothing is known.
    public init() {}

    /// Reads what stands beside a file's tensors. Throws ``MetadataError`` for a newer format, and for values that make no sense in
    /// a file of ours; in others they are passed over.
    public init(_ values: [String: MetadataValue]) throws(MetadataError) {
        var reader = MetadataReader(values: values)
        format = try reader.value("format_version") { $0.integerValue }
        if let format, !(1...Self.newestFormat).contains(format) {
            throw MetadataError(
                key: "format_version", problem: "is written in form \(format), this version reads up to \(Self.newestFormat)",
                remedy: "use a newer vmunet, or weights that this one wrote")
        }
        reader.isStrict = format != nil
        input = try reader.value("input") { Input(rawValue: $0.text) }
        modality = try reader.value("modality") { $0.text.count <= 80 ? $0.text : nil }
        window = try reader.value("window") { IntensityWindow($0.text) }
        voxelOrder = try reader.value("voxel_order") { VoxelOrder($0.text) }
        spacing = try reader.value("spacing") { VoxelSpacing(text: $0.text) }
        valueRange = try reader.value("value_range") { Self.range($0.text) }
        inputChannels = try reader.value("input_channels") { value in value.integerValue.flatMap { [1, 3].contains($0) ? $0 : nil } }
        classNames = try reader.value("class_names") { ClassNames.names($0.text) }
        classColors = try reader.value("class_colors") { Self.colors($0.text) }
        dataset = values["dataset"].flatMap { Dataset(rawValue: $0.text) }  // of an unknown name: a later version's
        threshold = try reader.value("threshold") { value in value.numberValue.flatMap { $0 > 0 && $0 < 1 ? $0 : nil } }
        imageSize = try reader.value("image_size") { $0.integerValue }
        ignoredLabel = try reader.value("ignored_label") { value in value.integerValue.flatMap { (0...255).contains($0) ? $0 : nil } }
        if format == nil { completeFromDataset() }
    }

    /// Before the format said so, the kind of set fixed the input: what its name means.
    private mutating func completeFromDataset() {
        guard let dataset else { return }
        var settings = DataSettings(dataset)
        settings.classNames = classNames
        let origin = dataset.layout.origin(settings)
        (input, modality, window, valueRange) = (origin.input, origin.modality, origin.window, origin.valueRange)
        (inputChannels, classNames) = (origin.inputChannels, classNames ?? origin.classNames)
    }

    /// The values as they are written beside tensors, in the newest form.
    public var values: [String: MetadataValue] {
        var values: [String: MetadataValue] = ["format_version": .integer(Self.newestFormat), "version": .string(Provenance.version)]
        func put(_ key: String, _ value: MetadataValue?) { if let value { values[key] = value } }
        put("input", input.map { .string($0.rawValue) })
        put("modality", modality.map { .string($0) })
        put("window", window.map { .string($0.description) })
        put("voxel_order", voxelOrder.map { .string($0.description) })
        put("spacing", spacing.map { .string($0.text) })
        put("value_range", valueRange.map { .string("\(Self.text($0.lowerBound)),\(Self.text($0.upperBound))") })
        put("input_channels", inputChannels.map { .integer($0) })
        put("class_names", classNames.map { .string(ClassNames.text($0)) })
        put("class_colors", classColors.map { .string($0.joined(separator: ",")) })
        put("dataset", dataset.map { .string($0.rawValue) })
        put("threshold", threshold.map { .number($0) })
        put("image_size", imageSize.map { .integer($0) })
        put("ignored_label", ignoredLabel.map { .integer($0) })
        return values
    }

    /// What is known, in one line: "dermoscopy pictures (isic17), 256×256, values 0…255, threshold 0.5".
    public var summary: String? {
        var parts: [String] = []
        if let input {
            parts.append(
                [modality, input.rawValue].compactMap(\.self).joined(separator: " ") + (dataset.map { " (\($0.rawValue))" } ?? ""))
        } else if let modality {
            parts.append(modality)
        }
        if let window { parts.append("window \(window)") }
        if let voxelOrder { parts.append("voxel order \(voxelOrder)") }
        if let imageSize { parts.append("\(imageSize)×\(imageSize)") }
        if let valueRange { parts.append("values \(Self.text(valueRange.lowerBound))…\(Self.text(valueRange.upperBound))") }
        if let threshold, (classNames?.count ?? 1) <= 2 { parts.append("threshold \(threshold)") }
        if let ignoredLabel { parts.append("label \(ignoredLabel) ignored") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// The colour that overlays and pages draw a label in, as `#rrggbb`; black for the background.
    public static func usualColor(of label: Int) -> String {
        let color = LabelColors.color(of: label) ?? (0, 0, 0)
        return "#" + [color.red, color.green, color.blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? String(value) }

    private static func range(_ text: String) -> ClosedRange<Double>? {
        let numbers = text.split(separator: ",").map { Double($0) }
        guard numbers.count == 2, let low = numbers[0], let high = numbers[1], low == 0, high == 1 || high == 255 else { return nil }
        return low...high
    }

    private static func colors(_ text: String) -> [String]? {
        let colors = text.split(separator: ",").map(String.init)
        return colors.allSatisfy { $0.count == 7 && $0.hasPrefix("#") && $0.dropFirst().allSatisfy(\.isHexDigit) } ? colors : nil
    }
}

/// Values by their keys; strict ones must make sense.
private struct MetadataReader {
    let values: [String: MetadataValue]
    var isStrict = false

    func value<Value>(_ key: String, _ read: (MetadataValue) -> Value?) throws(MetadataError) -> Value? {
        guard let found = values[key] else { return nil }
        if let value = read(found) { return value }
        guard isStrict else { return nil }
        throw MetadataError(
            key: key, problem: "says '\(found.text.prefix(40))' for \(key), which makes no sense",
            remedy: "save the weights again by vmunet")
    }
}

/// Metadata of weights that cannot be used.
public struct MetadataError: Error, Sendable, CustomStringConvertible {
    /// The key at fault.
    public let key: String
    /// What is wrong.
    public let problem: String
    /// What to do.
    public let remedy: String
    /// Problem and way out, without the file's name.
    public var description: String { "\(problem); \(remedy)" }
}

extension VoxelSpacing {
    /// "3,0.8,0.8": slices, rows, columns, in millimetres; nil for anything else.
    public init?(text: String) {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            Double(String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()))
        }
        guard numbers.count == 3, let depth = numbers[0], let height = numbers[1], let width = numbers[2] else { return nil }
        self.init(depth: depth, height: height, width: width)
        guard isUsable else { return nil }
    }

    /// As ``init(text:)`` reads it.
    public var text: String { [depth, height, width].map(WeightsMetadata.text).joined(separator: ",") }
}

/// What made a result.
public enum Provenance {
    /// The version of this package.
    public static let version = "0.1.0"
}
