import Networks
import Runs
import Segmentation
import VMUNet

extension RunConfiguration {
    private var shape: NetworkShape {
        NetworkShape(classes: data.classes, inputChannels: data.inputChannels, imageSize: data.imageSize)
    }

    /// The network that the run trains: new, or of the weights in the store.
    func makeNetwork(from store: ParameterStore = ParameterStore()) throws -> any SegmentationNetwork {
        if let vmunet {
            return loss.deepSupervision > 0 ? try DeeplySupervisedVMUNet(vmunet, store) : try TorchVMUNet(vmunet, store)
        }
        return try settings.network(shape, from: store)
    }

    /// The configuration with every default of its network written out, as a run's folder keeps it.
    ///
    /// - Throws: ``/Runs/RunConfigurationError`` for an unknown kind of network, and for settings
    ///   that the kind does not have or that make no sense.
    public func completed() throws -> RunConfiguration {
        guard case .other(let settings) = network else { return self }
        var copy = self
        do {
            copy.network = .other(try settings.completed(for: shape))
        } catch let error as NetworkSettingsError {
            throw RunConfigurationError(problems: error.problems)
        }
        return copy
    }

    /// The number of values that the run trains.
    public func parameterCount() throws -> Int {
        if let summary { return summary.parameters }
        return try settings.parameterCount(shape)
    }

    private var settings: NetworkSettings {
        if case .other(let settings) = network { return settings }
        return NetworkSettings(NetworkSettings.vmunet)
    }
}
