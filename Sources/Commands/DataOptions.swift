import ArgumentParser
import Segmentation

/// Settings of a data set's files, over those of the layout, the weights or a configuration.
package struct DataOptions: ParsableArguments {
    @Option(help: "The label of unlabelled pixels, which loss and scores leave out. Default: the weights' or the configuration's own.")
    package var ignoredLabel: Int?

    @Option(help: "The least grey of a binary mask's foreground, as a fraction of white. Default: 0.5.")
    package var maskThreshold: Double?

    @Option(help: "Slices and volumes: normalized if files hold 0…1, raw if --window maps them.")
    package var intensities: DataSettings.Intensities?

    @Option(
        parsing: .unconditional,
        help:
            "Slices and volumes: the intensities mapped to 0…1: LOW,HIGH, minmax, percentiles or none. Training stores them with the weights.",
        transform: IntensityWindow.argument)
    package var window: IntensityWindow?

    package init() {}

    package func validate() throws {
        if let ignoredLabel { try Require.count(ignoredLabel, "--ignored-label", from: 0, upTo: 255) }
        try Require.share(maskThreshold, "--mask-threshold")
    }

    /// Lays the options that were given over the settings.
    package func apply(to settings: inout DataSettings) {
        if let ignoredLabel { settings.ignoredLabel = ignoredLabel }
        if let maskThreshold { settings.maskThreshold = maskThreshold }
        if let window { settings.window = window }
        if let intensities { settings.intensities = intensities }
    }

    /// The settings of a set that a network is scored on. The weights override the layout, and the
    /// options override both.
    func settings(of set: DataFolderOptions, _ segmenter: Segmenter, _ axis: SliceAxisOption) throws -> DataSettings {
        var settings = DataSettings(try Dataset.chosen(set.dataset, for: set.data), path: set.data)
        (settings.imageSize, settings.classes) = (segmenter.imageSize, segmenter.network.classes)
        (settings.classNames, settings.ignoredLabel) = (segmenter.classNames, segmenter.ignoredLabel.map(Int.init))
        (settings.window, settings.sliceAxis) = (segmenter.metadata.window, axis.sliceAxis ?? 1)
        settings.intensities = window == nil ? .normalized : .raw
        apply(to: &settings)
        try Self.checkIntensities(settings)
        return settings
    }

    /// Raw intensities need a window that does not depend on the volume.
    private static func checkIntensities(_ settings: DataSettings) throws {
        guard settings.intensities == .raw else { return }
        switch settings.window {
        case .fixed, .range: break
        default: throw ValidationError("--intensities raw needs --window LOW,HIGH or minmax: the weights name none")
        }
    }
}

/// The data set that a network is scored or tuned on.
package struct DataFolderOptions: ParsableArguments {
    @Option(help: "The data set's folder.")
    package var data: String

    @Option(help: "The folder's layout. Default: recognised from its contents.")
    package var dataset: Dataset?

    package init() {}
}

/// The network's input and batches, where a network is scored or tuned.
package struct NetworkInputOptions: ParsableArguments {
    @Option(help: "Height and width to resize pictures to. Default: the size the weights were trained at.")
    package var imageSize: Int?

    @Option(help: "Pictures at a time.")
    package var batchSize = 8

    package init() {}

    package func validate() throws {
        try Require.imageSize(imageSize)
        try Require.count(batchSize, "--batch-size", upTo: 65536)
    }
}

/// The axis across slices in arrays of volumes, which their files do not record.
package struct SliceAxisOption: ParsableArguments {
    @Option(help: "Volumes: the arrays' axis across slices, 1 to 3. Default: 1.")
    package var sliceAxis: Int?

    package init() {}

    package func validate() throws {
        if let sliceAxis { try Require.count(sliceAxis, "--slice-axis", upTo: 3) }
    }
}
