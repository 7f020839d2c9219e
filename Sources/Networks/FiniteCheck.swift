import Torch
import VMUNet

extension SegmentationNetwork {
    /// The first module, by its checkpoint key, whose output for these images has a NaN or infinite
    /// value; nil if all are finite.
    ///
    /// Runs the network once more as in inference. Meant for the message after a loss went wrong,
    /// not for every step.
    package func firstNonFiniteLayer(_ images: Tensor, _ mode: ForwardMode) -> String? {
        var mode = mode
        mode.isTraining = false
        let watch = FiniteWatch()
        _ = try? withTorchErrors {
            withoutGradients {
                watch.look(at: images, "the input pictures")
                _ = FiniteWatch.$current.withValue(watch) { self(images, mode) }
            }
        }
        return watch.culprit
    }
}

/// Notes the first module whose output is not finite. Used on the thread that runs the network.
final class FiniteWatch: @unchecked Sendable {
    @TaskLocal static var current: FiniteWatch?

    private(set) var culprit: String?

    func look(at x: Tensor, _ name: @autoclosure () -> String) {
        if culprit == nil, !x.isFinite { culprit = name() }
    }
}
