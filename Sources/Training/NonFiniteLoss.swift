/// A loss that is not a number: nothing was changed by it.
public struct NonFiniteLoss: Error, Sendable, CustomStringConvertible {
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

    /// "on the pictures a, b; first output that is not finite: layers.0".
    static func place(_ pictures: [String], _ layer: String?) -> String {
        let names = pictures.prefix(8).joined(separator: ", ") + (pictures.count > 8 ? " and \(pictures.count - 8) more" : "")
        return "on the pictures \(names); first output that is not finite: \(layer ?? "none, only the loss")"
    }

    public var description: String {
        """
        the loss is \(loss.isNaN ? "not a number" : "infinite") in epoch \(epoch), \(isValidation ? "validating after step" : "step") \(step), \
        \(Self.place(pictures, layer))
        checkpoints are as they were; lower optimizer.learning_rate or set clip_norm in \(configuration), and go on by --resume
        """
    }
}
