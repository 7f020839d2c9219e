import Foundation
import Torch
import VMUNet

/// The network's forward pass without gradients, run directly or recorded and replayed. A recording
/// serves batches up to the largest seen for each picture size.
package final class Inference: @unchecked Sendable {
    private let network: any SegmentationNetwork
    private let mode: ForwardMode
    private let device: Device
    private let isRecorded: Bool
    /// Guards the fields below and the work itself, since a graph has one set of inputs and
    /// results.
    private let lock = NSLock()
    /// Keyed by one picture's shape.
    private var recorded: [[Int]: Recorded] = [:]

    private struct Recorded {
        let images: Tensor
        let work: RecordedWork
    }

    /// With `compileGraph` the weights must not change, unless they require gradients.
    package init(_ network: any SegmentationNetwork, _ mode: ForwardMode, compileGraph: Bool) {
        (self.network, self.mode, isRecorded) = (network, mode, compileGraph)
        device = network.parameters[0].tensor.device
    }

    /// Images [B, 3 or 1, H, W] on the network's device → logits [B, classes, H, W], owned by the
    /// caller.
    package func callAsFunction(_ images: Tensor) throws -> Tensor {
        guard isRecorded else { return try withTorchErrors { Self.forward(network, mode, images) } }
        return try lock.withLock {
            let shape = images.shape, picture = Array(shape.dropFirst())
            if (recorded[picture]?.images.size(0) ?? 0) < shape[0] {
                recorded[picture] = nil  // free its memory first
                let inputs = try withTorchErrors { images.copied() }
                recorded[picture] = Recorded(
                    images: inputs, work: try RecordedWork(on: device) { [network, mode] in [Self.forward(network, mode, inputs)] })
            }
            guard let known = recorded[picture], known.images.shape == shape else {
                return try withTorchErrors { Self.forward(network, mode, images) }
            }
            return try withTorchErrors {
                known.images.assign(images)
                return try known.work()[0].copied()
            }
        }
    }

    private static func forward(_ network: any SegmentationNetwork, _ mode: ForwardMode, _ images: Tensor) -> Tensor {
        withoutGradients { network(images, mode) }
    }
}
