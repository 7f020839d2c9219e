import Segmentation
import TensorFiles

/// Keys by which a kind's published weights, which have no metadata, are told from other kinds'.
struct PublishedKeys: Sendable {
    /// Weights with this key are of the kind. No other kind has it.
    let marker: String
    /// The first convolution's weight [.., input channels, .., ..].
    let stem: String
    /// The last layer's weight [classes, ..].
    let head: String
    /// The height and width of pictures that the weights are made for, where they are; a key's
    /// shape tells it.
    var imageSize: @Sendable (StateDictionary) -> Int? = { _ in nil }
}

extension NetworkKind {
    /// The kind of weights that say nothing of it, and the weights under the kind's keys; nil where
    /// no kind has a key of theirs. A wrapper's prefix before every key is taken off.
    static func published(_ weights: StateDictionary) -> (kind: NetworkKind, shape: NetworkShape, weights: StateDictionary)? {
        for kind in all {
            guard let keys = kind.published, let key = weights.keys.first(where: { $0 == keys.marker || $0.hasSuffix("." + keys.marker) })
            else { continue }
            let bare = weights.withoutPrefix(String(key.dropLast(keys.marker.count)))
            guard let stem = bare[keys.stem]?.shape, stem.count == 4, let classes = bare[keys.head]?.shape.first,
                (1...16).contains(stem[1]), (1...65535).contains(classes)
            else { continue }
            return (kind, NetworkShape(classes: classes, inputChannels: stem[1], imageSize: keys.imageSize(bare) ?? 256), bare)
        }
        return nil
    }
}

extension StateDictionary {
    /// The tensors whose keys begin so, without that beginning, and the others as they are.
    fileprivate func withoutPrefix(_ prefix: String) -> StateDictionary {
        guard !prefix.isEmpty else { return self }
        var result = self
        result.removeAll()
        for (key, tensor) in self { result[key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key] = tensor }
        return result
    }
}
