import Files
import Segmentation

/// A loss that is not a number: nothing was changed by it.
public struct NonFiniteLoss: UserError {
    public let epoch: Int
    public let step: Int
    public let pictures: [String]
    public let loss: Double
    /// The first layer whose output is not finite; nil if all are, so that the loss itself overflowed.
    public let layer: String?
    /// The run's file of settings.
    public let configuration: String
    /// Whether the pictures are those to validate, after the epoch's last step.
    public var isValidation = false

    /// None: the description names the pictures.
    public var subject: String { "" }
    /// The loss, the step and the layer.
    public var problem: String { description }
    /// A part of the description.
    public var remedy: String { "" }
    /// The training went wrong, not its input.
    public var category: UserErrorCategory { .internal }

    public var description: String {
        """
        the loss is \(loss.isNaN ? "not a number" : "infinite") in epoch \(epoch), \(isValidation ? "validating after step" : "step") \(step), \
        \(NonFiniteScore.place(pictures, layer))
        checkpoints are as they were; lower optimizer.learning_rate or set clip_norm in \(configuration), and go on by --resume
        """
    }
}
