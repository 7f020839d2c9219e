import Foundation
import Segmentation
import VMUNet

/// Everything that a training run is told: one value, written whole to the run's folder, from which the run can be done again.
///
/// What is not given has the data set's published setting (SPEC: the ISIC and Synapse protocols of the paper).
public struct RunConfiguration: Sendable, Hashable, Codable {
    public var data = DataSettings()
    /// The network's sizes and stochastic depth. Its class count is the data's: set either, both change.
    public var network: VMUNetConfiguration {
        get {
            var network = sizes
            network.classes = data.classes
            return network
        }
        set {
            sizes = newValue
            sizes.classes = 1
            data.classes = newValue.classes
        }
    }
    /// The network without its class count, which `data` holds; always of one class, so that equal configurations compare equal.
    var sizes = VMUNetConfiguration.base
    /// A file of weights to begin with: VM-UNet's, or VMamba's for the encoder.
    public var initialWeights: String?
    public var loss = LossSettings()
    public var optimizer = OptimizerConfiguration.published
    public var schedule = Schedule.cosineAnnealing()
    public var epochs = 300
    /// Samples in one forward pass.
    public var batchSize = 32
    /// Batches whose gradients are summed for one step.
    public var accumulate = 1
    /// The greatest global norm of the gradients; nil leaves them as they are.
    public var clipNorm: Double?
    /// Decay of the exponential moving average of the weights, which then is what is evaluated; nil for none.
    public var emaDecay: Double?
    /// Evaluations without a lower validation loss after which the run ends; nil runs all epochs.
    public var earlyStopping: Int?
    public var seed: UInt64 = 42
    public var precision = Compute.Precision.fp32
    public var device = Compute.Device.auto
    /// Threads that prepare batches; nil takes what suits the machine.
    public var workers: Int?
    /// The probability from which on a pixel is foreground.
    public var threshold = 0.5
    /// Epochs between evaluations.
    public var evaluateEvery = 1

    /// The published settings of ISIC17.
    public static let isic17 = RunConfiguration(.isic17)
    /// The published settings of ISIC18.
    public static let isic18 = RunConfiguration(.isic18)
    /// The published settings of Synapse: 224×224, nine classes, a cosine of 100 epochs.
    public static let synapse = RunConfiguration(.synapse)

    /// The published settings for a data set; those of ISIC for any folder.
    public init(_ dataset: Dataset = .folder, path: String = "") {
        data = DataSettings(dataset, path: path)
        schedule = .cosineAnnealing(tMax: dataset.layout.defaults.annealingEpochs)
    }

    /// The first setting in which this configuration differs: "epochs: 2, not 3"; nil where they are equal.
    public func difference(from other: RunConfiguration) throws -> String? {
        if self == other { return nil }
        let (mine, others) = (try yaml.split(separator: "\n"), try other.yaml.split(separator: "\n"))
        let first = zip(mine, others).first { $0 != $1 }
        return first.map { "\($0.trimmingCharacters(in: .whitespaces)), not \($1.trimmingCharacters(in: .whitespaces))" }
            ?? "other settings"
    }
}

extension RunConfiguration {
    /// The weights of the loss's terms (λ of equations 5 and 6) and of the classes.
    public struct LossSettings: Sendable, Hashable, Codable {
        /// λ of the cross-entropy.
        public var crossEntropy = 1.0
        /// λ of the Dice term.
        public var dice = 1.0
        /// What each class weighs in the cross-entropy; nil weighs them alike.
        public var classWeights: [Double]?

        public init() {}
    }
}
