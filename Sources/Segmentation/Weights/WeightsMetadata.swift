import Files
import Imaging
import TensorFiles

/// Metadata beside weights' tensors: the record of their training, and the form of their input.
///
/// Each value has its own key, as text in `.safetensors` and beside the state dictionary in `.pth`.
/// Foreign weights may lack all of it. Assumptions are then reported to the user and never guessed
/// from sizes.
public struct WeightsMetadata: Sendable, Equatable {
    /// The newest format of these keys that this version supports.
    public static let newestFormat = 1

    /// The kind of a network's input.
    public enum Input: String, Sendable, Codable {
        /// Colour pictures, stretched between their own extremes to the value range.
        case pictures
        /// Volumes, slice by slice, with intensities mapped to the value range by a window.
        case volumes
    }

    /// The keys' format; nil in foreign weights and in those of earlier versions.
    public var format: Int?
    /// Pictures or volumes.
    public var input: Input?
    /// The kind of pictures, such as `dermoscopy`, `CT` or `MR`.
    public var modality: String?
    /// Volumes: the intensities that were mapped to the value range.
    public var window: IntensityWindow?
    /// Volumes: the directions of the axes.
    public var voxelOrder: VoxelOrder?
    /// Volumes: millimetres between slices, rows and columns in the training set.
    public var spacing: VoxelSpacing?
    /// Volumes: how each channel's intensities were mapped, unless one window serves all.
    public var normalization: [Normalization]?
    /// Volumes: the channels' names, in the order of the network's input.
    public var channels: [String]?
    /// Volumes: slices on each side of a slice that the network sees as further channels.
    public var neighbors: Int?
    /// Volumes: how slices meet the network's input; nil stretches them.
    public var sliceFit: SliceFit?
    /// The range of the input's values in training: 0…255 or 0…1.
    public var valueRange: ClosedRange<Double>?
    /// The input's channels: 3, or 1 for grey that is repeated; of volumes up to 16.
    public var inputChannels: Int?
    /// A name for each class, background first.
    public var classNames: [String]?
    /// A colour for each class as `#RRGGBB`, background first.
    public var classColors: [String]?
    /// The training set's layout.
    public var dataset: Dataset?
    /// The least probability of a foreground pixel.
    public var threshold: Double?
    /// Rows and columns of the network's input in training.
    public var imageSize: Int?
    /// Height and width of the patches that the network was trained on, at the pictures' own
    /// resolution; nil if whole pictures were resized.
    public var patchSize: Int?
    /// The temperature that logits are divided by, which calibrates the probabilities; nil is 1.
    public var temperature: Double?
    /// Clean-up of the labels after the network; nil is none.
    public var cleanUp: CleanUp?
    /// Detects pictures unlike the training pictures; nil if it was not fitted.
    public var familiarity: Familiarity?
    /// The label that training ignored.
    public var ignoredLabel: Int?

    /// Without any metadata.
    public init() {}

    /// Reads the values beside a file's tensors. Throws ``MetadataError`` for a newer format, and
    /// for values that make no sense in our own files; in others, such values are skipped.
    public init(_ values: [String: MetadataValue]) throws(MetadataError) {
        var reader = MetadataReader(values: values)
        format = try reader.value("format_version") { $0.integerValue }
        // In our own weights, a version that is not a number is a later version too.
        let isOurs = format != nil || values["input"].flatMap { Input(rawValue: $0.text) } != nil
        if let written = values["format_version"], isOurs, !(1...Self.newestFormat).contains(format ?? 0) {
            throw MetadataError(
                key: "format_version",
                problem: "is written in form \(written.text.printable(limit: 20)), this version reads up to \(Self.newestFormat)",
                remedy: "use a newer vmunet, or weights that this one wrote")
        }
        reader.isStrict = format != nil
        input = try reader.value("input") { Input(rawValue: $0.text) }
        modality = try reader.value("modality") { $0.text.count <= 80 ? $0.text : nil }
        window = try reader.value("window") { IntensityWindow($0.text) }
        voxelOrder = try reader.value("voxel_order") { VoxelOrder($0.text) }
        spacing = try reader.value("spacing") { VoxelSpacing(text: $0.text) }
        normalization = try reader.value("normalization") { Self.normalization($0.text) }
        channels = try reader.value("channels") { value in
            let names = ClassNames.names(value.text)
            return (1...16).contains(names.count) ? names : nil
        }
        neighbors = try reader.value("neighbors") { value in value.integerValue.flatMap { (0...7).contains($0) ? $0 : nil } }
        sliceFit = try reader.value("slice_fit") { SliceFit(rawValue: $0.text) }
        valueRange = try reader.value("value_range") { Self.range($0.text) }
        inputChannels = try reader.value("input_channels") { value in value.integerValue.flatMap { (1...16).contains($0) ? $0 : nil } }
        classNames = try reader.value("class_names") { ClassNames.names($0.text).map { $0.printable() } }
        classColors = try reader.value("class_colors") { Self.colors($0.text) }
        dataset = values["dataset"].flatMap { Dataset(rawValue: $0.text) }  // an unknown name is a later version's
        threshold = try reader.value("threshold") { value in value.numberValue.flatMap { $0 > 0 && $0 < 1 ? $0 : nil } }
        imageSize = try reader.value("image_size") { $0.integerValue }
        patchSize = try reader.value("patch_size") { value in
            value.integerValue.flatMap { Segmenter.imageSizes.contains($0) ? $0 : nil }
        }
        temperature = try reader.value("temperature") { value in value.numberValue.flatMap { (0.01...100).contains($0) ? $0 : nil } }
        cleanUp = try reader.value("clean_up") { CleanUp($0.text) }
        familiarity = try reader.value("picture_statistics") { Familiarity($0.text) }
        ignoredLabel = try reader.value("ignored_label") { value in value.integerValue.flatMap { (0...255).contains($0) ? $0 : nil } }
        if format == nil { completeFromDataset() }
    }

    /// Before the format was recorded, the layout's name determined the input.
    private mutating func completeFromDataset() {
        guard let dataset else { return }
        var settings = DataSettings(dataset)
        settings.classNames = classNames
        let origin = dataset.layout.origin(settings)
        (input, modality, window, valueRange) = (origin.input, origin.modality, origin.window, origin.valueRange)
        (inputChannels, classNames) = (origin.inputChannels, classNames ?? origin.classNames)
    }

    /// The values to write beside tensors, in the newest format.
    public var values: [String: MetadataValue] {
        var values: [String: MetadataValue] = ["format_version": .integer(Self.newestFormat), "version": .string(Provenance.version)]
        func put(_ key: String, _ value: MetadataValue?) { if let value { values[key] = value } }
        put("input", input.map { .string($0.rawValue) })
        put("modality", modality.map { .string($0) })
        put("window", window.map { .string($0.description) })
        put("voxel_order", voxelOrder.map { .string($0.description) })
        put("spacing", spacing.map { .string($0.text) })
        put("normalization", normalization.map { .string($0.map(\.description).joined(separator: ";")) })
        put("channels", channels.map { .string(ClassNames.text($0)) })
        put("neighbors", neighbors.map { .integer($0) })
        put("slice_fit", sliceFit.map { .string($0.rawValue) })
        put("value_range", valueRange.map { .string("\(Self.text($0.lowerBound)),\(Self.text($0.upperBound))") })
        put("input_channels", inputChannels.map { .integer($0) })
        put("class_names", classNames.map { .string(ClassNames.text($0)) })
        put("class_colors", classColors.map { .string($0.joined(separator: ",")) })
        put("dataset", dataset.map { .string($0.rawValue) })
        put("threshold", threshold.map { .number($0) })
        put("image_size", imageSize.map { .integer($0) })
        put("patch_size", patchSize.map { .integer($0) })
        put("temperature", temperature.map { .number($0) })
        put("clean_up", cleanUp.map { .string($0.description) })
        put("picture_statistics", familiarity.map { .string($0.description) })
        put("ignored_label", ignoredLabel.map { .integer($0) })
        return values
    }

    /// A summary in one line: "dermoscopy pictures (isic17), 256×256, values 0…255, threshold 0.5".
    public var summary: String? {
        var parts: [String] = []
        if let input {
            parts.append(
                [modality, input.rawValue].compactMap(\.self).joined(separator: " ") + (dataset.map { " (\($0.rawValue))" } ?? ""))
        } else if let modality {
            parts.append(modality)
        }
        if let channels, channels.count > 1 { parts.append("channels " + channels.joined(separator: " + ")) }
        if let classNames, (3...16).contains(classNames.count) {
            let names = classNames.dropFirst().map { $0.printable(limit: 40) }
            parts.append("classes " + names.joined(separator: names.contains { $0.contains(",") } ? "; " : ", "))
        }
        if let window { parts.append("window \(window)") }
        if let normalization { parts.append("intensities " + normalization.map(\.description).joined(separator: "; ")) }
        if let voxelOrder { parts.append("voxel order \(voxelOrder)") }
        if sliceFit == .spacing, let spacing {  // Single precision's 0.8 is 0.800000011920929.
            func short(_ millimeters: Double) -> String { Self.text((millimeters * 1e4).rounded() / 1e4) }
            parts.append("pixels of \(short(spacing.height))×\(short(spacing.width)) mm")
        }
        if let neighbors, neighbors > 0 { parts.append("\(2 * neighbors + 1) slices at a time") }
        if let patchSize {
            parts.append("patches of \(patchSize)×\(patchSize)")
        } else if let imageSize {
            parts.append("\(imageSize)×\(imageSize)")
        }
        if let valueRange { parts.append("values \(Self.text(valueRange.lowerBound))…\(Self.text(valueRange.upperBound))") }
        if let threshold, (classNames?.count ?? 1) <= 2 { parts.append("threshold \(threshold)") }
        if let temperature { parts.append("temperature \(temperature)") }
        if let cleanUp, !cleanUp.isEmpty { parts.append("clean-up \(cleanUp)") }
        if let ignoredLabel { parts.append("label \(ignoredLabel) ignored") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// The colour of a label in overlays and pages, as `#rrggbb`; black for the background.
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

    private static func normalization(_ text: String) -> [Normalization]? {
        let all = text.split(separator: ";", omittingEmptySubsequences: false).map { Normalization(String($0)) }
        return (1...16).contains(all.count) && !all.contains(nil) ? all.compactMap(\.self) : nil
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
public struct MetadataError: WeightsProblem {
    /// The faulty key.
    public let key: String
    /// The fault.
    public let problem: String
    /// A way out for the user.
    public let remedy: String
    /// Empty: the caller knows the file.
    public var subject: String { "" }
    /// The problem and the remedy, without the file's name.
    public var description: String { "\(problem); \(remedy)".printable() }
}

extension VoxelSpacing {
    /// "3,0.8,0.8": slices, rows, columns in millimetres; nil for anything else.
    public init?(text: String) {
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            Double(String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()))
        }
        guard numbers.count == 3, let depth = numbers[0], let height = numbers[1], let width = numbers[2] else { return nil }
        self.init(depth: depth, height: height, width: width)
        guard isUsable else { return nil }
    }

    /// In the form of ``init(text:)``.
    public var text: String { [depth, height, width].map(WeightsMetadata.text).joined(separator: ",") }
}

/// Identifies the program that made a result.
package enum Provenance {
    /// The version of this package.
    package static let version = "0.1.0"
}
