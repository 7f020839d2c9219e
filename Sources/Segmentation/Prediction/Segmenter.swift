import Foundation
import Imaging
import TensorFiles

/// Segments pictures with a trained network: weights in, masks of the pictures' own size out.
public struct Segmenter: Sendable {
    /// The network.
    public let network: any InferenceNetwork
    /// Height and width of the network's input, in pixels.
    public let imageSize: Int
    /// The least probability of a foreground pixel.
    public let threshold: Float
    /// The classes' names, background first, if the weights record them.
    public let classNames: [String]?
    /// The label that training ignored; scores leave it out too. Nil if there was none.
    public let ignoredLabel: UInt8?
    /// The layout of the training set, if the weights record it.
    public let dataset: Dataset?
    /// Everything that the weights record about their training.
    public let metadata: WeightsMetadata
    /// The form of the network's input.
    public let convention: InputConvention
    /// What reading the weights left out, renamed or chose, a clause each: to be shown to the user once.
    public let notes: [String]
    /// The weights' file, for messages.
    private let file: String

    /// The allowed heights and widths of a network's input, in pixels.
    public static let imageSizes = 32...4096

    /// The result for one picture.
    public struct Result: Sendable {
        /// One channel of the picture's own size: 0 and 255 for a binary network, otherwise labels.
        public let mask: Picture
        /// The foreground's or, of several classes, the background's probability, [side, side].
        fileprivate let plane: [Float]
        fileprivate let side: Int
        fileprivate let isBackground: Bool

        /// Probability of the foreground, 0…255 for 0…1, of the picture's own size. Computed anew
        /// each time.
        public var probability: Picture {
            var grey = [UInt8](repeating: 0, count: mask.width * mask.height)
            grey.withUnsafeMutableBufferPointer { grey in
                Resize.bilinearRows(plane, from: (side, side), to: (mask.height, mask.width)) { y, row in
                    for x in row.indices {
                        let value = UInt8(row[x] * 255 + 0.5)
                        grey[y * mask.width + x] = isBackground ? 255 - value : value
                    }
                }
            }
            return Picture(width: mask.width, height: mask.height, channels: 1, pixels: grey)
        }
    }

    /// Loads weights in any supported form. The keys define the architecture; the metadata gives
    /// the picture size of the training (default 256).
    ///
    /// `choice` selects the weights if a checkpoint has several sets.
    ///
    /// Throws ``/TensorFiles/TensorFileError`` for a file that cannot be read, ``BadWeights`` for
    /// one that is not a network's, and what `networks` throws for a device that cannot be used.
    public init(
        weights url: URL, choosing choice: WeightsChoice = .model, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(),
        compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        let weights = try NetworkWeights.read(url, choosing: choice)
        (file, notes) = (url.relativePath, weights.notes)
        do {
            network = try networks.load(weights, compute)
        } catch let error as any WeightsProblem {
            throw BadWeights(file: file, weights: weights, problem: error)
        }
        try weights.requireFinite(file: file)
        guard network.classes <= 256 else {
            throw BadWeights(file: file, reason: "is a network of \(network.classes) classes; a mask's labels are 0 to 255")
        }
        let known: WeightsMetadata
        do throws(MetadataError) { known = try WeightsMetadata(weights.metadata) } catch {
            throw BadWeights(file: file, reason: "\(error.problem)", remedy: error.remedy)
        }
        metadata = known
        convention = InputConvention(known, options: input)
        self.imageSize = imageSize ?? known.imageSize ?? 256
        self.threshold = Float(threshold ?? known.threshold ?? 0.5)
        classNames = known.classNames?.count == network.classes ? known.classNames : nil
        ignoredLabel = known.ignoredLabel.flatMap(UInt8.init(exactly:))
        dataset = known.dataset
        guard Self.imageSizes.contains(self.imageSize), self.imageSize.isMultiple(of: network.sizeMultiple) else {
            throw BadWeights(
                file: file,
                reason: "image size: expected a multiple of \(network.sizeMultiple), \(Self.imageSizes.lowerBound) to "
                    + "\(Self.imageSizes.upperBound), got \(self.imageSize)")
        }
        guard self.threshold > 0, self.threshold < 1 else {
            throw BadWeights(file: file, reason: "threshold: expected 0 to 1, got \(self.threshold)")
        }
    }

    /// A label's name: the weights' own, or "foreground" for one class, else "class N".
    public func name(of label: Int) -> String {
        if let names = metadata.classNames, names.count == max(network.classes, 2), names.indices.contains(label) { return names[label] }
        return network.classes == 1 ? "foreground" : "class \(label)"
    }

    /// Segments one picture of any size.
    public func segment(_ picture: Picture) throws -> Result {
        // Planes and logits at the network's size, then of each pixel a label, a probability and, of several classes, the best.
        try DataError.requireMemory(
            (12 + 8 * network.classes) * imageSize * imageSize + (network.classes == 1 ? 2 : 8) * picture.width * picture.height,
            for: "a picture of \(picture.width)×\(picture.height) pixels", remedy: "Make the picture smaller, or lower --image-size.")
        var planes = Preprocessing.stretched(picture, height: imageSize, width: imageSize)
        if convention.pictureScale != 255 { for i in planes.indices { planes[i] *= convention.pictureScale / 255 } }
        let logits = try network.answer(planes, batch: 1, height: imageSize, width: imageSize)
        guard logits.isFinite else {
            throw BadWeights(file: file, reason: "the network's output is not finite: its values are too large")
        }
        let (from, to) = ((imageSize, imageSize), (picture.height, picture.width))
        let isBinary = network.classes == 1
        let probabilities = isBinary ? logits.foreground(0) : logits.probabilities(0)
        let labels =
            isBinary
            ? Masks.foreground(probabilities, from: from, to: to, threshold: threshold, label: 255)
            : Masks.labels(probabilities, classes: logits.classes, from: from, to: to)
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: labels),
            plane: Array(probabilities.prefix(logits.area)), side: imageSize, isBackground: !isBinary)
    }
}
