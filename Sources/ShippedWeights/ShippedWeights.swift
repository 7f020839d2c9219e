import CShippedWeights
import Segmentation

/// The weights that come with the package, inside the program that links this: nothing to find,
/// nothing to lose when it moves.
public enum ShippedWeights {
    /// The small network, trained on the 1500 training pictures of ISIC 2017: single pigmented
    /// lesions in dermoscopic pictures, and nothing else. The bytes of
    /// `Weights/isic17.safetensors`, 15 MB; the file's card stands beside it.
    public static var isic17: [UInt8] { [UInt8](UnsafeBufferPointer(start: vmunet_isic17(), count: vmunet_isic17_count())) }
}

extension Segmenter {
    /// A segmenter with ``ShippedWeights/isic17``.
    ///
    /// - Parameters:
    ///   - threshold: the probability from which on a pixel is lesion, above 0 and below 1; nil
    ///     takes the weights' own.
    ///   - compute: how to compute.
    /// - Throws: ``/Segmentation/BadWeights`` for a threshold that is none, ``/Segmentation/NoGPU``
    ///   where `compute` asks for a GPU.
    public static func shipped(threshold: Double? = nil, compute: Compute = Compute()) throws -> Segmenter {
        try Segmenter(weights: ShippedWeights.isic17, name: "isic17.safetensors", threshold: threshold, compute: compute)
    }
}
