import Foundation
import Imaging
import Runs
import Segmentation
import VMUNet

/// A run's best weights, scored on its validation split and ready to segment single pictures of it.
struct ScoredRun {
    let name: String
    let segmenter: Segmenter
    private let dataset: any SegmentationDataset
    private let result: EvaluationResult
    private let showsNames: Bool

    /// Throws ``/Segmentation/BadWeights`` if the weights and the data differ in their number of
    /// classes.
    init(
        name: String, weights: URL, configuration: RunConfiguration, dataset: any SegmentationDataset, options: RunReport.Options,
        networks: NetworkLoader,
        progress: (Int, Int) -> Void
    ) throws {
        self.name = name
        self.dataset = dataset
        segmenter = try Segmenter(
            weights: weights, imageSize: configuration.data.patchSize == nil ? configuration.data.imageSize : nil,
            threshold: configuration.threshold, compute: options.compute, networks: networks)
        guard segmenter.network.classes == dataset.classes else {
            throw BadWeights(
                file: weights.relativePath,
                reason: "classes: expected \(dataset.classes) (the data set's), got \(segmenter.network.classes)")
        }
        var evaluation = configuration.evaluation
        (evaluation.measuresCalibration, evaluation.measuresDoubt) = (true, true)
        result = try Evaluator(dataset, evaluation).evaluate(segmenter, atOwnSize: segmenter.isTiled, progress: progress)
        showsNames = options.showsNames ?? configuration.data.dataset.layout.areNamesPublic(result.images.map(\.name))
    }

    var classes: Int { dataset.classes }
    var pictureNames: [String] { result.images.map(\.name) }
    var imageScores: [Double?] { result.images.map(\.scores.miou) }

    var evaluation: ReportContent.Evaluation {
        .init(
            pooled: result.pooled, perImageMean: result.perImageMean, pictureScores: imageScores,
            empty: result.emptyPictures,
            classes: (result.classes ?? []).filter { $0.label > 0 }.map { ($0.name ?? "class \($0.label)", $0.scores) },
            calibration: result.calibration,
            doubts: result.images.enumerated().compactMap { index, image in
                guard let doubt = image.doubt, let dice = image.scores.dsc else { return nil }
                return (shownName(index), doubt.expectedError, 1 - dice)
            }, rankings: result.rankings ?? [])
    }

    /// Names in a private set may be patients', so its pictures are numbered.
    func shownName(_ index: Int) -> String { showsNames ? result.images[index].name : "picture \(index + 1)" }

    func examples(each count: Int) throws -> [ReportContent.Example] {
        try ReportSelection.bestMedianWorst(imageScores, each: count).map { choice in
            let picture = try picture(choice.index)
            let (finding, size) = try find(choice.index)
            let found = try picture.found(finding, threshold: segmenter.threshold, size: size)
            let tiles = classes == 1 ? [try picture.plain(), found] : [try picture.plain(), try picture.truthTile(), found]
            return .init(rank: choice.rank, name: shownName(choice.index), scores: result.images[choice.index].scores, tiles: tiles)
        } + doubtful(count)
    }

    /// The pictures that the network doubts most, whether right or wrong, with a map of its doubt.
    private func doubtful(_ count: Int) throws -> [ReportContent.Example] {
        try ReportSelection.highest(result.images.map { $0.doubt?.expectedError }, count).map { index in
            let sample = try dataset.sample(at: index), size = (height: sample.height, width: sample.width)
            let picture = ReportPicture(sample, original: try dataset.picture(at: index))
            let (answer, uncertainty) = try segmenter.uncertainAnswer(for: sample)
            let tiles = [
                try picture.plain(), try picture.found(answer, threshold: segmenter.threshold, size: size),
                try picture.uncertainty(uncertainty, size: size),
            ]
            return .init(rank: "most doubtful", name: shownName(index), scores: result.images[index].scores, tiles: tiles)
        }
    }

    /// A picture of the set, from its own file if it has one.
    func picture(_ index: Int) throws -> ReportPicture {
        ReportPicture(try dataset.sample(at: index), original: try dataset.picture(at: index))
    }

    /// The network's prediction for a picture, at the sample's size.
    func find(_ index: Int) throws -> (Answer, size: (height: Int, width: Int)) {
        let sample = try dataset.sample(at: index)
        return (try segmenter.answer(for: sample), (sample.height, sample.width))
    }
}
