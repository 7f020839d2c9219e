import Runs
import Segmentation

/// A run's scores on a report's page, for programs.
public struct ReportedRun: Sendable, Encodable {
    /// The name of the run's folder.
    public let name: String
    /// Network, data set and picture size: "small VM-UNet on isic17, 128×128".
    public let summary: String
    /// The epoch whose weights were kept; nil if none was evaluated.
    public let best: TrainingEvent?
    /// The best weights' scores on the validation set, pooled over all pixels; nil if the network
    /// was not run.
    public let pooled: BinaryScores?
    /// The same, as the mean over pictures.
    public let perImageMean: BinaryScores?
    /// The best weights' scores on the set's held-back volumes, if it has any.
    public let volumes: VolumeScoreSummary?
    /// SHA-256 of the best weights; nil if the network was not run.
    public let weightsDigest: String?
    /// Omissions and their reasons.
    public let notes: [String]

    private enum CodingKeys: String, CodingKey {
        case name, summary, best, pooled, perImageMean = "per_image_mean", volumes, weightsDigest = "weights_sha256", notes
    }

    init(_ run: ReportContent.Run) {
        (name, summary, best) = (run.name, run.summary, run.best.map(TrainingEvent.epoch))
        (pooled, perImageMean, volumes) = (run.evaluation?.pooled, run.evaluation?.perImageMean, run.volumes)
        (weightsDigest, notes) = (run.weights?.digest, run.notes)
    }
}
