import Segmentation
import VMUNet

/// The network that a run trains: the paper's in some sizes, or another kind, whose settings only
/// the module that computes it knows.
public enum NetworkChoice: Sendable, Hashable, Codable {
    /// VM-UNet; it always has 1 class and 3 input channels here, and the data's in
    /// ``RunConfiguration/vmunet``, so that equal choices compare equal.
    case vmunet(VMUNetConfiguration)
    /// Any other kind.
    case other(NetworkSettings)

    /// The kind, as `network.name` gives it.
    public var name: String {
        switch self {
        case .vmunet: NetworkSettings.vmunet
        case .other(let settings): settings.name
        }
    }

    /// Its name in tables and pages: "tiny VM-UNet", "unet".
    public var title: String {
        switch self {
        case .vmunet(let sizes): "\(sizes.preset?.rawValue ?? "custom") VM-UNet"
        case .other(let settings): settings.name
        }
    }

    /// The kind of that name with its defaults.
    public init(named name: String) { self = name == NetworkSettings.vmunet ? .vmunet(.base) : .other(NetworkSettings(name)) }
}

extension RunConfiguration {
    /// VM-UNet's sizes with the data's class count and input channels. Setting it sets the class
    /// count too. Nil if the run trains another network.
    public var vmunet: VMUNetConfiguration? {
        get {
            guard case .vmunet(var sizes) = network else { return nil }
            (sizes.classes, sizes.inputChannels) = (data.classes, data.inputChannels)
            return sizes
        }
        set {
            guard var sizes = newValue else { return }
            data.classes = sizes.classes
            (sizes.classes, sizes.inputChannels) = (1, 3)
            network = .vmunet(sizes)
        }
    }

    /// Multiply-adds as the paper counts them for a picture of the run's size; nil for other
    /// networks than VM-UNet.
    public var paperFLOPs: Int? { summary?.paperFLOPs }

    /// The sizes of the run's VM-UNet, module by module; nil for other networks.
    public var summary: VMUNetSummary? {
        vmunet.map { VMUNetSummary($0, height: data.imageSize, width: data.imageSize) }
    }
}
