import Files
import Imaging
import Metrics
import Segmentation

/// A picture to segment.
struct PictureWork: Sendable {
    let bytes: [UInt8]
    let segmenter: Segmenter
    /// True to encode the mask as a file; false for numbers alone.
    let wantsMask: Bool

    /// The subject of errors, instead of a path.
    static let name = "the picture"

    /// Decodes, segments and encodes on the calling thread.
    func run() throws -> PictureAnswer {
        let start = ContinuousClock.now
        let picture = try PictureFile.decode(bytes, name: Self.name)
        let decoded = ContinuousClock.now
        let found = try segmenter.segment(picture)
        let segmented = ContinuousClock.now
        let mask = wantsMask ? try PictureFile.png(found.mask) : []
        for (stage, time) in [
            ("decode", decoded - start), ("network", segmented - decoded), ("encode", ContinuousClock.now - segmented),
        ] { Recorder(label: "vmunet_stage_seconds", dimensions: [("stage", stage)]).record(time / .seconds(1)) }
        let labels = segmenter.network.classes == 1 ? [1] : Array(1..<segmenter.network.classes)
        let area = found.mask.width * found.mask.height
        return PictureAnswer(
            mask: mask, width: found.mask.width, height: found.mask.height,
            classes: labels.map { .init(label: $0, name: segmenter.name(of: $0), pixels: found.pixels[$0], of: area) })
    }
}

/// The result for a picture.
struct PictureAnswer: Sendable {
    /// A PNG of the picture's size: 0 and 255 or, of several classes, labels. Empty unless wanted.
    let mask: [UInt8]
    let width: Int, height: Int
    let classes: [PredictionRecord.ClassAmount]
}
