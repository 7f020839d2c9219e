import Foundation
import Segmentation
import VMUNet

/// All settings of a training run in one value. It is saved in the run's folder, so that the run
/// can be repeated.
///
/// Settings that are not given are the data set's published ones (the paper's protocols for ISIC
/// and Synapse).
public struct RunConfiguration: Sendable, Hashable, Codable {
    /// The data set and how it is read.
    public var data = DataSettings()
    /// The kind of network and its own settings.
    public var network = NetworkChoice.vmunet(.base)
    /// A file of initial weights: the same kind of network's, or VMamba's for VM-UNet's encoder.
    public var initialWeights: String?
    /// The weights to take from a file that holds several sets: `model`, `average` or a set's name.
    /// Nil takes the model's own.
    public var initialWeightsSet: String?
    /// Stages of the network whose weights stay as they are, such as `encoder`.
    public var freeze: [String] = []
    /// Factors of the learning rate for stages of the network; others have 1.
    public var stageRates: [String: Double] = [:]
    /// The weights of the loss.
    public var loss = LossSettings()
    /// The optimiser and its options.
    public var optimizer = OptimizerConfiguration.published
    /// The learning rate's schedule.
    public var schedule = Schedule.cosineAnnealing()
    /// Passes over the training set.
    public var epochs = 300
    /// Samples per forward pass.
    public var batchSize = 32
    /// Batches whose gradients are summed for one step.
    public var accumulate = 1
    /// The largest global norm of the gradients; nil does not clip.
    public var clipNorm: Double?
    /// Decay of the weights' exponential moving average, which is then evaluated and kept; nil for
    /// none.
    public var emaDecay: Double?
    /// Ends the run after this many evaluations without a lower validation loss; nil runs all
    /// epochs.
    public var earlyStopping: Int?
    /// The seed of all random numbers.
    public var seed: UInt64 = 42
    /// The element type of matrix products.
    public var precision = Compute.Precision.fp32
    /// The device of the run.
    public var device = Compute.Device.auto
    /// Threads that prepare batches; nil chooses for the machine.
    public var workers: Int?
    /// The least probability of a foreground pixel.
    public var threshold = 0.5
    /// Evaluates after every this many epochs.
    public var evaluateEvery = 1

    /// The published settings of ISIC17.
    public static let isic17 = RunConfiguration(.isic17)
    /// The published settings of ISIC18.
    public static let isic18 = RunConfiguration(.isic18)
    /// The published settings of Synapse: 224×224, nine classes, a cosine of 100 epochs.
    public static let synapse = RunConfiguration(.synapse)

    /// The published settings for a data set; any folder gets ISIC's.
    public init(_ dataset: Dataset = .folder, path: String = "") {
        data = DataSettings(dataset, path: path)
        schedule = .cosineAnnealing(tMax: dataset.layout.defaults.annealingEpochs)
    }
}

extension RunConfiguration {
    /// The weights of the loss's terms (λ of equations 5 and 6 for the paper's) and of the classes.
    public struct LossSettings: Sendable, Hashable, Codable {
        /// λ of the cross-entropy.
        public var crossEntropy = 1.0
        /// λ of the Dice term.
        public var dice = 1.0
        /// Each class's weight in the cross-entropy and the focal term; nil weighs all equally.
        public var classWeights: [Double]?
        /// The terms beside the paper's.
        public var terms = LossTerms()
        /// Deep supervision: the weight of the loss of each coarser map of VM-UNet's decoder, relative
        /// to the next finer one; 0 for none.
        public var deepSupervision = 0.0

        /// Both terms with weight 1, all classes alike, no other term.
        public init() {}
    }
}
