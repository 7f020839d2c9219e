import Torch
import VMUNet

/// VM-UNet in deep supervision (Lee et al., 2015): the decoder's coarser maps have classifiers of
/// their own, so that the loss reaches the middle of the network directly.
///
/// The classifiers belong to the loss, and so do their keys: weights to predict with leave them out.
package struct DeeplySupervisedVMUNet: SegmentationNetwork {
    private let network: TorchVMUNet
    /// Finest first.
    private let heads: [Head]  // loss.heads.i

    /// Logits of a map by one product for each pixel.
    private struct Head {
        let weight: Tensor  // weight [classes, C]
        let bias: Tensor  // bias [classes]

        init(_ path: ParameterPath<ParameterStore>, _ channels: Int, classes: Int) {
            let bound = 1 / Double(channels).squareRoot()
            weight = path.parameter("weight", [classes, channels], .uniform(bound: bound))
            bias = path.parameter("bias", [classes], .uniform(bound: bound))
        }

        /// [B, H, W, C] → [B, classes, H, W].
        func callAsFunction(_ map: Tensor) -> Tensor {
            TorchEngine.linear(map, weight, bias: bias, residual: nil, to: nil).permuted([0, 3, 1, 2]).contiguous()
        }
    }

    /// A network with classifiers on the maps of H/4, H/8 and H/16: of every decoder stage but the
    /// first, whose map is the encoder's.
    package init(_ configuration: VMUNetConfiguration, _ store: ParameterStore) throws {
        try configuration.validate()
        let path = store.root / "loss" / "heads"
        heads = try withTorchErrors {
            configuration.dims.prefix(3).enumerated().map { i, channels in Head(path / i, channels, classes: configuration.classes) }
        }
        network = try TorchVMUNet(configuration, store)
    }

    package var classes: Int { network.classes }
    package var inputChannels: Int { network.inputChannels }
    package var sizeMultiple: Int { network.sizeMultiple }
    package var parameters: [(key: String, tensor: Tensor)] { network.parameters }
    package var outputCount: Int { 1 + heads.count }

    package func callAsFunction(_ images: Tensor, _ mode: ForwardMode) -> Tensor { network(images, mode) }

    package func outputs(_ images: Tensor, _ mode: ForwardMode) -> [Tensor] {
        var maps: [Tensor] = []
        let logits = network.logits(of: images, mode) { maps.append($0) }
        return [logits] + zip(heads, maps.dropFirst().reversed()).map { head, map in head(map) }
    }

    package func rebuilt(from store: ParameterStore) throws -> Self { try Self(network.configuration, store) }
}
