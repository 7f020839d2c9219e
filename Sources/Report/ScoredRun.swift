import Foundation
import Imaging
import Torch
import VMUNet

/// A run's best weights, scored on its validation split, ready to segment single pictures of it.
struct ScoredRun {
    let name: String
    let segmenter: Segmenter
    private let dataset: any SegmentationDataset
    private let result: EvaluationResult
    private let showsNames: Bool

    /// Throws ``BadWeights`` where the weights are of another class count than the data.
    init(
        name: String, weights: URL, configuration: RunConfiguration, dataset: any SegmentationDataset, options: RunReport.Options,
        progress: (Int, Int) -> Void
    ) throws {
        self.name = name
        self.dataset = dataset
        segmenter = try Segmenter(
            weights: weights, imageSize: configuration.data.imageSize, threshold: configuration.threshold, precision: options.precision,
            device: options.device, compileGraph: options.compileGraph)
        let classes = segmenter.network.configuration.classes
        guard classes == dataset.classes else {
            throw BadWeights(
                file: weights.relativePath,
                problem: ConfigurationError(what: "classes", expected: "\(dataset.classes), as the data set has", got: "\(classes)"))
        }
        var settings = configuration
        settings.precision = options.precision
        result = try Evaluator(dataset, settings, compileGraph: options.compileGraph).evaluate(segmenter.network, progress: progress)
        showsNames = options.showsNames ?? Self.isPublished(configuration.data.dataset, names: result.images.map(\.name))
    }

    /// Whether names are those of a published set: ISIC's, and in Synapse's layout, which private sets have as well, case0005_slice042.
    private static func isPublished(_ dataset: RunConfiguration.Dataset, names: [String]) -> Bool {
        switch dataset {
        case .isic17, .isic18: true
        case .synapse: names.allSatisfy { $0.wholeMatch(of: /case[0-9]+(_slice[0-9]+)?/) != nil }
        case .folder: false
        }
    }

    var classes: Int { dataset.classes }
    var pictureNames: [String] { result.images.map(\.name) }
    var imageScores: [Double?] { result.images.map(\.scores.miou) }

    var evaluation: ReportContent.Evaluation {
        .init(
            pooled: result.pooled, perImageMean: result.perImageMean, pictureScores: imageScores,
            classes: (result.classes ?? []).filter { $0.label > 0 }.map { ($0.name ?? "class \($0.label)", $0.scores) })
    }

    /// Names of a private set may be patients': its pictures are numbered.
    func shownName(_ index: Int) -> String { showsNames ? result.images[index].name : "picture \(index + 1)" }

    func examples(each count: Int) throws -> [ReportContent.Example] {
        try ReportSelection.bestMedianWorst(imageScores, each: count).map { choice in
            let picture = try picture(choice.index)
            let (finding, size) = try find(choice.index)
            let found = try picture.found(finding, size: size)
            let tiles = classes == 1 ? [try picture.plain(), found] : [try picture.plain(), try picture.truthTile(), found]
            return .init(rank: choice.rank, name: shownName(choice.index), scores: result.images[choice.index].scores, tiles: tiles)
        }
    }

    /// A picture of the set, from its file where it has one of its own.
    func picture(_ index: Int) throws -> ReportPicture {
        let original = try (dataset as? PairedFolder).map { try PictureFile.read($0.pairs[index].picture, channels: 3) }
        return ReportPicture(try dataset.sample(at: index), original: original)
    }

    /// What the network finds in a picture, at the size that it sees.
    func find(_ index: Int) throws -> (ReportPicture.Finding, size: (height: Int, width: Int)) {
        let sample = try dataset.sample(at: index)
        let network = segmenter.network
        let mode = ForwardMode(precision: segmenter.precision.elementType)
        let finding: ReportPicture.Finding = try withTorchErrors {
            withoutGradients {
                let device = network.parameters[0].tensor.device
                let logits = network(Tensor(sample.image, shape: [1, sample.channels, sample.height, sample.width]).to(device), mode)
                return classes == 1
                    ? .probabilities(logits.sigmoid().floats(), threshold: segmenter.threshold)
                    : .labels(logits.argmax(axis: 1).to(.uint8).bytes())
            }
        }
        return (finding, (sample.height, sample.width))
    }
}

extension RunEnvironment {
    /// This machine, now, with what libtorch says of itself.
    static func current(device: Device) -> RunEnvironment {
        RunEnvironment(instructionSet: Torch.instructionSet, libtorch: Torch.version, device: device.name)
    }
}
