import Files
import Segmentation

/// A loss that is not finite. It has changed nothing.
public struct NonFiniteLoss: UserError {
    /// The epoch, from 1.
    public let epoch: Int
    /// The step within the epoch, from 1.
    public let step: Int
    /// The names of the batch's pictures.
    public let pictures: [String]
    /// The loss: NaN or infinite.
    public let loss: Double
    /// The first layer whose output is not finite; nil if all are finite and the loss itself
    /// overflowed.
    public let layer: String?
    /// The run's file of settings.
    public let configuration: String
    /// True if the pictures are from validation, after the epoch's last step.
    public var isValidation = false

    /// Empty: the description names the pictures.
    public var subject: String { "" }
    /// The loss, the step and the layer.
    public var problem: String { description }
    /// Empty: part of the description.
    public var remedy: String { "" }
    /// Training failed, not its input.
    public var category: UserErrorCategory { .internal }

    /// Loss, place, layer and remedy, on two lines.
    public var description: String {
        """
        the loss is \(loss.isNaN ? "not a number" : "infinite") in epoch \(epoch), \(isValidation ? "validating after step" : "step") \(step), \
        \(NonFiniteScore.place(pictures, layer))
        checkpoints are unchanged; lower optimizer.learning_rate or set clip_norm in \(configuration), and continue with --resume
        """
    }
}
