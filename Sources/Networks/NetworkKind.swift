import Files
import Segmentation
import TensorFiles
import VMUNet

/// Sizes that a network must fit: the data's classes and channels, and the size of resized
/// pictures.
package struct NetworkShape: Sendable, Hashable {
    /// Classes of the output; 1 is foreground against background.
    package var classes: Int
    /// Channels of the pictures; a single channel is repeated if the network has more.
    package var inputChannels: Int
    /// Height and width of pictures in pixels, for networks that are made for one size.
    package var imageSize: Int

    /// Three channels unless given.
    package init(classes: Int, inputChannels: Int = 3, imageSize: Int) {
        (self.classes, self.inputChannels, self.imageSize) = (classes, inputChannels, imageSize)
    }
}

/// A kind of network that can be trained, by the name that `network.name` and weights give it.
package struct NetworkKind: Sendable {
    /// In lower case: `unet`.
    package let name: String
    /// Its name in the literature: `U-Net`.
    package let title: String
    /// Identifies published weights of this kind; nil if only metadata identifies them.
    let published: PublishedKeys?
    /// Builds a network, new or with a checkpoint's weights; reads every setting of the kind from
    /// `options`.
    let build: @Sendable (_ options: inout NetworkOptions, _ shape: NetworkShape, _ store: ParameterStore) throws -> any SegmentationNetwork

    /// All kinds. To add one, name it here.
    package static let all: [NetworkKind] = [
        .vmunet, .unet, .unetPlusPlus, .attentionUNet, .malunet, .ultralightVMUNet, .vmunetV2, .swinUNet, .transUNet,
    ]

    /// A kind by its name.
    ///
    /// - Throws: ``NetworkSettingsError`` if there is none.
    package init(named name: String) throws(NetworkSettingsError) {
        guard let known = Self.all.first(where: { $0.name == name }) else {
            let names = Self.all.map(\.name).joined(separator: ", ")
            throw NetworkSettingsError(problems: [.init("name", expected: "one of \(names)", got: name)])
        }
        self = known
    }

    init(
        _ name: String, title: String, published: PublishedKeys? = nil,
        build:
            @escaping @Sendable (_ options: inout NetworkOptions, _ shape: NetworkShape, _ store: ParameterStore) throws ->
            any SegmentationNetwork
    ) {
        (self.name, self.title, self.published, self.build) = (name, title, published, build)
    }
}

extension NetworkSettings {
    /// A network of this kind, new or with the store's weights or tensors.
    ///
    /// - Throws: ``NetworkSettingsError`` listing every invalid setting,
    ///   ``/VMUNet/WeightsMismatch`` for weights that do not fit, an error of libtorch if memory
    ///   does not suffice.
    package func network(_ shape: NetworkShape, from store: ParameterStore = ParameterStore()) throws -> any SegmentationNetwork {
        try built(shape, from: store).network
    }

    /// These settings, with defaults for those that are missing.
    ///
    /// - Throws: ``NetworkSettingsError`` listing every invalid setting.
    package func completed(for shape: NetworkShape) throws -> NetworkSettings {
        try built(shape, from: .outline()).settings
    }

    /// The number of trained values of such a network, counted without making one.
    package func parameterCount(_ shape: NetworkShape) throws -> Int {
        let store = ParameterStore.outline()
        _ = try built(shape, from: store)
        return store.parameterCount
    }

    private func built(
        _ shape: NetworkShape, from store: ParameterStore
    ) throws -> (network: any SegmentationNetwork, settings: NetworkSettings) {
        let kind = try NetworkKind(named: name)
        var options = NetworkOptions(self.options)
        let network = try kind.build(&options, shape, store)
        var settings = self
        settings.options = try options.finish()
        if !shape.imageSize.isMultiple(of: network.sizeMultiple) {
            throw NetworkSettingsError(problems: [
                .init(
                    "name", expected: "pictures of a multiple of \(network.sizeMultiple) for \(name)",
                    got: "an image size of \(shape.imageSize)")
            ])
        }
        return (network, settings)
    }
}

/// A network's invalid settings, all in one error.
public struct NetworkSettingsError: WeightsProblem, Equatable {
    /// At least one; keys are from the root, such as `network.channels`.
    public let problems: [InvalidSetting]
    /// The keys at fault.
    public var subject: String { problems.map(\.key).joined(separator: ", ") }
    /// A line for each setting.
    public var problem: String { problems.lines }
    /// Empty: the problem lists the valid values.
    public var remedy: String { "" }
    /// The ``problem``.
    public var description: String { problem }

    /// An error about settings; their keys are those of the section `network`.
    init(problems: [InvalidSetting]) { self.problems = problems.map { $0.inside("network") } }
}
