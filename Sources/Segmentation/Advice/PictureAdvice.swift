import Imaging

/// Settings that suit a set of pictures, from the sizes of its files and from its training masks.
public struct PictureAdvice: Sendable, Codable, Equatable {
    /// A class that few samples hold.
    public struct RareClass: Sendable, Codable, Equatable {
        /// Its label.
        public var label: Int
        /// The samples that hold it.
        public var samples: Int
        /// The number of times that such a sample comes in a balanced epoch.
        public var repeats: Int
    }

    /// Height and width of the network's input, in pixels.
    public var imageSize: Int
    /// The same if training shall take patches; nil if it shall resize whole pictures.
    public var patchSize: Int?
    /// The masks after resizing; nil if the user chose the input, or no mask shows a class.
    public var fidelity: MaskFidelity?
    /// Epochs from one validation to the next.
    public var evaluateEvery: Int
    /// Of the classes for which a balanced epoch would repeat samples, the rarest; nil if there is
    /// none.
    public var rarest: RareClass?
    /// The pictures to train on.
    public var pictures: Int

    private enum CodingKeys: String, CodingKey {
        case imageSize = "image_size", patchSize = "patch_size", fidelity = "resized_masks", evaluateEvery = "evaluate_every"
        case rarest = "rarest_class", pictures
    }

    /// The paper's input. Smaller pictures are not enlarged to it.
    private static let usualSize = 256

    /// The size to resize pictures to whose longer sides have this median.
    static func imageSize(forSide side: Int) -> Int { min(usualSize, max(32, (side + 31) / 32 * 32)) }

    /// The number of epochs after which validation has cost about a quarter of the time of training.
    /// A tile is a forward pass, a training step about three.
    static func evaluateEvery(tiles: Int, patches: Int) -> Int {
        max(1, (4 * tiles + 3 * patches - 1) / (3 * max(1, patches)))
    }
}

extension PairedFolder {
    /// Reads every mask of this training set. Throws ``DataError`` for one that cannot be read.
    ///
    /// - Parameter keepsInput: true if the user chose the network's input, which the options then
    ///   hold.
    func advice(validation: PairedFolder?, keepsInput: Bool) throws -> PictureAdvice {
        let sides = try sourceSizes().map { max($0.width, $0.height) }.sorted()
        let resized = keepsInput || sides.isEmpty ? nil : PictureAdvice.imageSize(forSide: sides[sides.count / 2])
        let most = min(count, MaskFidelity.mostMasks)
        let results = Parallel.map(count) { index in
            Result { () throws(DataError) in
                let mask = try options.masks.read(pairs[index].masks)
                // Spread evenly over the set.
                let isChosen = index * most / count != (index + 1) * most / count
                let dice = resized.flatMap { size in
                    isChosen ? MaskFidelity.dice(mask.picture, ignoring: options.masks.ignoredLabel, imageSize: size) : nil
                }
                return (labels: Set(mask.traits.labels.map { UInt8(clamping: $0) }), dice: dice ?? [])
            }
        }
        var (presence, dice) = ([Set<UInt8>](), [[Double]]())
        for result in results {
            let found = try result.get()
            presence.append(found.labels)
            if !found.dice.isEmpty { dice.append(found.dice) }
        }
        var advice = PictureAdvice(
            imageSize: options.height, patchSize: options.takesPatches ? options.height : nil, evaluateEvery: 1,
            rarest: RepeatFactors.rarest(presence, classes: max(classes, 2)), pictures: count)
        if let resized {
            let all = dice.flatMap(\.self)
            if !all.isEmpty {
                advice.fidelity = MaskFidelity(imageSize: resized, dice: all.reduce(0, +) / Double(all.count), masks: dice.count)
            }
            let isEnough = advice.fidelity.map { $0.dice >= MaskFidelity.enough } ?? true
            (advice.imageSize, advice.patchSize) = (resized, isEnough ? nil : resized)
        }
        if let patch = advice.patchSize, let sizes = try validation?.sourceSizes() {
            let tile = PlaneSize(height: patch, width: patch)
            let tiles = sizes.reduce(0) { $0 + SlidingWindow(PlaneSize(height: $1.height, width: $1.width), size: tile).count }
            advice.evaluateEvery = PictureAdvice.evaluateEvery(tiles: tiles, patches: count)
        }
        return advice
    }
}

extension RepeatFactors {
    /// Of the classes whose samples come several times, the rarest; nil if there is none.
    static func rarest(_ presence: [Set<UInt8>], classes: Int) -> PictureAdvice.RareClass? {
        let most = repeats(presence, classes: classes).max() ?? 1
        guard most > 1 else { return nil }
        let holding = (1..<classes).map { label in (label: label, samples: presence.count { $0.contains(UInt8(clamping: label)) }) }
        return holding.filter { $0.samples > 0 }.min { $0.samples < $1.samples }
            .map { .init(label: $0.label, samples: $0.samples, repeats: most) }
    }
}
