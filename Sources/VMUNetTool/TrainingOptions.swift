import ArgumentParser
import Commands
import Foundation
import Networks
import Runs
import Segmentation
import Torch
import Training

extension LossWeights: ExpressibleByArgument {
    /// Reads it like `LossWeights.init(_:)`.
    public init?(argument: String) { self.init(argument) }
}

extension StageRates: ExpressibleByArgument {
    /// Reads it like `StageRates.init(_:)`.
    public init?(argument: String) { self.init(argument) }
}

extension AugmentationStrengths: ExpressibleByArgument {
    /// Reads it like `AugmentationStrengths.init(_:)`.
    public init?(argument: String) { self.init(argument) }
}

/// The settings that commands which train take from the command line, over those of a file or the
/// published ones.
struct TrainingOptions: ParsableArguments {
    private static let terms = RunConfiguration.LossSettings.termNames.joined(separator: ", ")
    private static let variations = AugmentationStrengths.names.joined(separator: ", ")

    @Option(help: "The data set's folder: {train,val}/{images,masks}, volumes as nnU-Net or the Decathlon keep them, or Synapse's layout.")
    var data: String?

    @Option(help: "The folder's layout, which also selects the published settings. Default: recognised from its contents.")
    var dataset: Dataset?

    @Option(
        name: .customLong("network"),
        help:
            "The kind of network: \(NetworkKind.all.map(\.name).joined(separator: ", ")); settings of networks other than VM-UNet come from --config."
    )
    var kind: String?

    @OptionGroup var network: NetworkOptions

    @Option(name: .customLong("init"), help: "Initial weights: the same kind of network's, or VMamba's for VM-UNet.")
    var initialWeights: String?

    @OptionGroup var initialChoice: WeightsOptions

    @Option(help: "Stages whose weights stay as they are, separated by commas: encoder, decoder, encoder.0, or the beginning of a key.")
    var freeze: String?

    @Option(
        help: ArgumentHelp(
            "Factors of the learning rate for stages, such as encoder=0.1,head=10; others have 1.", valueName: "stage-rates"),
        transform: StageRates.reading("stages with factors above 0, such as encoder=0.1,head=10"))
    var stageRates: StageRates?

    @Option(help: "Epochs of each run. Default: \(Train.usual.epochs).")
    var epochs: Int?

    @Option(help: "Pictures per step. Default: \(Train.usual.batchSize).")
    var batchSize: Int?

    @Option(help: "Height and width to resize pictures to, a multiple of 32. Default: \(Train.usual.data.imageSize).")
    var imageSize: Int?

    @Option(
        help: """
            Train on patches of this height and width, cut at random out of pictures and slices of any size instead of resizing them; \
            two thirds lie around a pixel of a class. Prediction with such weights takes overlapping tiles.
            """)
    var patchSize: Int?

    @Option(name: .customLong("lr"), help: "The optimiser's learning rate. Default: \(Train.usual.optimizer.learningRate).")
    var learningRate: Double?

    @Option(
        help:
            "Terms of the loss with their weights, such as dice,focal=0.5: \(Self.terms). Terms not named weigh 0. Default: cross_entropy=1,dice=1.",
        transform: LossWeights.reading("\(Self.terms) with weights of 0 or more, such as dice,focal=0.5"))
    var loss: LossWeights?

    @Option(
        help: """
            Deep supervision: also train coarser maps of VM-UNet's decoder, each with this times the weight of the next finer one, such as 0.5. \
            Default: 0, none.
            """)
    var deepSupervision: Double?

    @Option(
        help:
            "Further variation of training pictures, such as scale=0.25,noise=0.05 (0 is off): \(Self.variations). Flips and rotations stay.",
        transform: AugmentationStrengths.reading("\(Self.variations) with numbers of 0 or more, such as scale=0.25,noise=0.05"))
    var augmentation: AugmentationStrengths?

    @Option(help: "Train on this many pictures or slices only, drawn by the seed; a smaller number's are among a larger one's.")
    var pictures: Int?

    @Flag(help: "Repeat training samples with rare classes within an epoch. Volumes always do.")
    var balance = false

    @Option(help: "The seed of all random numbers. Default: \(Train.usual.seed).")
    var seed: UInt64?

    @OptionGroup var compute: ComputeOptions

    func validate() throws {
        try Require.size(patchSize, "--patch-size")
        guard patchSize == nil || imageSize == nil else {
            throw ValidationError("--patch-size keeps pictures' own resolution, --image-size resizes them: give one of them")
        }
    }

    /// Applies the options that concern the whole process.
    func prepare() throws {
        try Torch.allowTF32(compute.tf32)
        if let threads = compute.threads { Torch.threads = threads }
    }

    /// Lays the options that were given over the settings.
    func apply(to settings: inout RunConfiguration) throws {
        if let data { settings.data.path = data }
        if let dataset { settings.data.dataset = dataset }
        try applyNetwork(to: &settings)
        if let initialWeights { settings.initialWeights = initialWeights }
        if let set = initialChoice.set { settings.initialWeightsSet = set.name }
        if let freeze {
            settings.freeze = freeze.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
        if let stageRates { settings.stageRates = stageRates.factors }
        if let epochs { settings.epochs = epochs }
        if let batchSize { settings.batchSize = batchSize }
        if let imageSize { settings.data.imageSize = imageSize }
        if let patchSize { (settings.data.patchSize, settings.data.imageSize) = (patchSize, patchSize) }
        if let learningRate { settings.optimizer.learningRate = learningRate }
        loss?.apply(to: &settings.loss)
        if let deepSupervision { settings.loss.deepSupervision = deepSupervision }
        augmentation?.apply(to: &settings.data)
        if let pictures { settings.data.pictures = pictures }
        if balance { settings.data.balance = true }
        if let seed { settings.seed = seed }
        if let device = compute.device { settings.device = device }
        if let precision = compute.precision { settings.precision = precision }
    }

    private func applyNetwork(to settings: inout RunConfiguration) throws {
        if let kind, kind != settings.network.name {
            guard NetworkKind.all.contains(where: { $0.name == kind }) else {
                throw ValidationError("--network: expected one of \(NetworkKind.all.map(\.name).joined(separator: ", ")), got \(kind)")
            }
            settings.network = NetworkChoice(named: kind)
        }
        if var sizes = settings.vmunet {
            try network.apply(to: &sizes)
            settings.vmunet = sizes
            return
        }
        if let option = network.givenSize {
            throw ValidationError("\(option) belongs to VM-UNet; settings of the network \(settings.network.name) come from --config")
        }
        if let classes = network.classes { settings.data.classes = classes }
    }

    /// The settings that several runs share: a configuration file's, or else the published ones of
    /// the data set, with `change` and the given options laid over them.
    func base(_ config: String?, _ change: (inout RunConfiguration) -> Void = { _ in }) throws -> RunConfiguration {
        var base =
            try config.map { try RunConfiguration(yamlFile: URL(filePath: $0), dataset: dataset) }
            ?? RunConfiguration(try Dataset.chosen(dataset, for: data ?? ""))
        let given = try config.map { try RunConfiguration.lines(inYAMLFile: URL(filePath: $0)) } ?? [:]
        change(&base)
        do { try lay(over: &base, given: Set(given.keys)) } catch let error as RunConfigurationError {
            throw error.fault(of: config ?? "", lines: given) ?? error
        }
        return base
    }

    /// Lays the options over the base of several runs, which is checked; `given` has the keys that
    /// the configuration file gave.
    func lay(over settings: inout RunConfiguration, given: Set<String>) throws {
        try apply(to: &settings)
        guard !settings.data.path.isEmpty else { throw ValidationError("--data is needed: the data set's folder") }
        let classes = givenClasses(given)
        try settings.takeClassesFromSet(givenCount: classes.count, givenNames: classes.names)
        try settings.takePlanFromSet(givenSize: imageSize != nil || given.contains("data.image_size"))
        do {
            try settings.validate()
            _ = try settings.completed()
        } catch let error as RunConfigurationError {
            // Settings from the file are the file's fault, others the command line's.
            if error.problems.contains(where: { given.contains($0.key) }) { throw error }
            throw ValidationError("\(error)")
        }
    }

    /// Tells whether the user gave the number of classes and their names, by an option or among a
    /// file's keys.
    func givenClasses(_ given: some Collection<String>) -> (count: Bool, names: Bool) {
        (network.classes != nil || given.contains("data.classes"), given.contains("data.class_names") && network.classes == nil)
    }
}
