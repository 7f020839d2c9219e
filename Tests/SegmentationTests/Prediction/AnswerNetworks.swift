import Foundation
import Imaging
import ShippedWeights

@testable import Segmentation

/// A network that is a function of each pixel's channels and its place in the input.
struct PixelNetwork: InferenceNetwork {
    var classes = 1
    let inputChannels = 3, sizeMultiple = 32
    /// A pixel's logit of a class: of its channels' mean, row, column and class.
    let logit: @Sendable (_ mean: Float, _ y: Int, _ x: Int, _ c: Int) -> Float

    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        let area = height * width
        return (0..<batch).flatMap { picture in
            (0..<classes).flatMap { c in
                (0..<area).map { i -> Float in
                    let first = picture * 3 * area + i
                    return logit((images[first] + images[first + area] + images[first + 2 * area]) / 3, i / width, i % width, c)
                }
            }
        }
    }

    /// A segmenter of this network.
    func segmenter(imageSize: Int? = nil, _ change: (inout PredictionOptions) -> Void = { _ in }) throws -> Segmenter {
        var options = PredictionOptions()
        change(&options)
        return try Segmenter(
            weights: ShippedWeights.isic17, name: "w", imageSize: imageSize, prediction: options, networks: NetworkLoader { _, _ in self })
    }
}

extension Segmenter {
    /// A picture's maps at its own size.
    func ownMaps(of picture: Picture) throws -> [Float] {
        let size = PlaneSize(height: picture.height, width: picture.width)
        return try ownMaps(of: Preprocessing.stretched(picture, height: size.height, width: size.width), size)
    }
}
