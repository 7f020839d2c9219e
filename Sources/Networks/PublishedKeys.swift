import Segmentation
import TensorFiles

/// Keys that identify a kind's published weights, which have no metadata.
struct PublishedKeys: Sendable {
    /// A key that only this kind has.
    let marker: String
    /// The first convolution's weight [.., input channels, .., ..].
    let stem: String
    /// The last layer's weight [classes, ..].
    let head: String
    /// The height and width of pictures if the weights are made for one size, read off a key's
    /// shape.
    var imageSize: @Sendable (StateDictionary) -> Int? = { _ in nil }
}

extension NetworkKind {
    /// Identifies weights without metadata by their keys. Returns the kind, and the weights without
    /// a wrapper's prefix; nil if no kind matches.
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
    /// Removes this prefix from the keys that begin with it.
    fileprivate func withoutPrefix(_ prefix: String) -> StateDictionary {
        guard !prefix.isEmpty else { return self }
        var result = self
        result.removeAll()
        for (key, tensor) in self { result[key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key] = tensor }
        return result
    }
}
