import Imaging

/// The Dice between masks and themselves after resizing to the network's input and back. No network
/// of that input can score better.
public struct MaskFidelity: Sendable, Codable, Equatable {
    /// Height and width of the input, in pixels.
    public var imageSize: Int
    /// The mean over masks and their classes, 0…1.
    public var dice: Double
    /// The number of masks looked at.
    public var masks: Int

    /// The least mean at which resizing does no harm worth avoiding.
    static let enough = 0.98
    /// The most masks to look at.
    static let mostMasks = 64

    private enum CodingKeys: String, CodingKey { case imageSize = "image_size", dice, masks }

    /// The Dice of each class but the background, resized as a picture and its probabilities are.
    static func dice(_ mask: Picture, ignoring ignored: UInt8?, imageSize: Int) -> [Double] {
        let own = (height: mask.height, width: mask.width)
        return Set(mask.pixels).subtracting([0, ignored ?? 0]).sorted().compactMap { label in
            var one = mask
            one.pixels = mask.pixels.map { $0 == label ? 1 : 0 }
            let small = Preprocessing.softMask(one, height: imageSize, width: imageSize)
            let back = Masks.foreground(small, from: (imageSize, imageSize), to: own, threshold: 0.5)
            return BinaryScores(ConfusionCounts(labels: back, truth: one.pixels, of: 1)).dsc
        }
    }
}
