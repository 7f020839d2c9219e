import Files
import Imaging
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Segments pictures with a trained network: weights in, masks of the pictures' own size out.
///
/// A segmenter does not change once it is made, and any number of threads and tasks may use one at
/// the same time: each call works in memory of its own, about 30 MB for the shipped weights. The
/// network spreads one picture over all cores, so that calls at the same time share them.
/// Everything that a file or pixels can cause is thrown; nothing traps.
///
/// ```swift
/// let segmenter = try Segmenter(weights: URL(filePath: "weights.safetensors"))
/// let found = try await segmenter.segment(.file(URL(filePath: "photo.jpg")))
/// print(found.share(of: 1), found.mask.width, found.mask.height)
/// ```
public struct Segmenter: Sendable {
    /// The network.
    public let network: any InferenceNetwork
    /// Height and width of the network's input, in pixels.
    public let imageSize: Int
    /// The probability from which on a pixel is foreground, above 0 and below 1.
    public private(set) var threshold: Float
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
    /// Omissions, renamings and choices while reading the weights, a clause each, to show to the
    /// user once.
    public let notes: [String]
    /// The weights' file, for messages.
    let file: String

    /// The allowed heights and widths of a network's input, in pixels.
    public static let imageSizes = 32...4096

    /// The classes of one picture.
    public struct Result: Sendable, Equatable {
        /// One channel at the picture's own size: 0 and 255 for a binary network, otherwise labels.
        public let mask: Picture
        /// Pixels of each class, background first; two numbers of a binary network.
        public let pixels: [Int]
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

        /// The share of the picture that a class takes, 0…1; 0 for a label without a class.
        public func share(of label: Int) -> Double {
            guard pixels.indices.contains(label) else { return 0 }
            return Double(pixels[label]) / Double(mask.pixels.count)
        }
    }

    /// Loads weights of any supported form from a file. Their keys say the architecture, their
    /// metadata the rest.
    ///
    /// - Parameters:
    ///   - url: a `.safetensors` or `.pth` file; its content decides.
    ///   - choice: which weights to take if a checkpoint has several sets.
    ///   - imageSize: height and width at which the network sees pictures, a multiple of 32; nil
    ///     takes the size of training, or 256 if the weights do not record it.
    ///   - threshold: the probability from which on a pixel is foreground; nil takes the weights'
    ///     own, or 0.5.
    ///   - input: facts about the network's input that override the weights' own.
    ///   - compute: how to compute.
    ///   - networks: builds the network; the package's own kernels unless given.
    /// - Throws: ``/Files/FileError`` for a file that cannot be read, ``BadWeights``
    ///   for one that is no network's and for a size or a threshold that it cannot have, and what
    ///   `networks` throws for a device that cannot be used.
    public init(
        weights url: URL, choosing choice: WeightsChoice = .model, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(),
        compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        try self.init(
            NetworkWeights.read(url, choosing: choice), file: url.relativePath, imageSize: imageSize, threshold: threshold, input: input,
            compute: compute,
            networks: networks)
    }

    /// Loads weights from a file's content in memory; `name` stands for the path in errors.
    /// Everything else is as for
    /// ``init(weights:choosing:imageSize:threshold:input:compute:networks:)``, the errors too.
    public init(
        weights bytes: [UInt8], name: String, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(), compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        try self.init(
            WeightsFile.decode(bytes, name: name).networkWeights, file: name, imageSize: imageSize, threshold: threshold, input: input,
            compute: compute, networks: networks)
    }

    private init(
        _ weights: StateDictionary, file: String, imageSize: Int?, threshold: Double?, input: InputConvention.Options, compute: Compute,
        networks: NetworkLoader
    ) throws {
        (self.file, notes) = (file, weights.notes)
        do {
            network = try networks.load(weights, compute)
        } catch let error as any WeightsProblem {
            throw BadWeights(file: file, weights: weights, problem: error)
        }
        try weights.requireUsable(file: file)
        guard network.classes <= 256 else {
            throw BadWeights(file: file, reason: "is a network of \(network.classes) classes; a mask's labels are 0 to 255")
        }
        let known = try weights.origin(file: file)
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

    /// The same network with another threshold; nil unless it is above 0 and below 1.
    package func with(threshold: Double) -> Segmenter? {
        var copy = self
        copy.threshold = Float(threshold)
        return copy.threshold > 0 && copy.threshold < 1 ? copy : nil
    }

    /// A label's name: the weights' own, or "foreground" for one class, else "class N".
    public func name(of label: Int) -> String {
        if let names = metadata.classNames, names.count == max(network.classes, 2), names.indices.contains(label) { return names[label] }
        return network.classes == 1 ? "foreground" : "class \(label)"
    }

    /// Segments one picture of any size.
    ///
    /// - Throws: ``BadWeights`` if the network's output is not finite, and what the network throws.
    public func segment(_ picture: Picture) throws -> Result {
        // Planes and logits at the network's size, then of each pixel a label, a probability and,
        // of several classes, the best.
        try DataError.requireMemory(
            (12 + 8 * network.classes) * imageSize * imageSize + (network.classes == 1 ? 2 : 8) * picture.width * picture.height,
            for: "a picture of \(picture.width)×\(picture.height) pixels", remedy: "Make the picture smaller, or lower --image-size.")
        let logits = try answer(planes(of: picture), batch: 1)
        return result(logits, 0, like: picture)
    }

    /// Segments one picture from a file, memory or pixels.
    ///
    /// - Throws: ``/Imaging/PictureError`` for a picture that cannot be read, and what
    ///   `segment(_:)` throws.
    public func segment(_ input: PictureInput) throws -> Result { try segment(input.read()) }

    /// The network's input, 3 × size × size.
    func planes(of picture: Picture) -> [Float] {
        var planes = Preprocessing.stretched(picture, height: imageSize, width: imageSize)
        if convention.pictureScale != 255 { for i in planes.indices { planes[i] *= convention.pictureScale / 255 } }
        return planes
    }

    /// The network's logits for a batch of planes. Throws if they are not finite.
    func answer(_ planes: [Float], batch: Int) throws -> Logits {
        let logits = try network.answer(planes, batch: batch, height: imageSize, width: imageSize)
        guard logits.isFinite else { throw overflow }
        return logits
    }

    /// The error for an output that is NaN or infinite.
    var overflow: BadWeights { BadWeights(file: file, reason: "the network's output is not finite: its values are too large") }

    /// The answer for one picture of a batch at the picture's own size.
    func result(_ logits: Logits, _ index: Int, like picture: Picture) -> Result {
        let (from, to) = ((imageSize, imageSize), (picture.height, picture.width))
        let isBinary = logits.classes == 1
        let probabilities = isBinary ? logits.foreground(index) : logits.probabilities(index)
        let labels =
            isBinary
            ? Masks.foreground(probabilities, from: from, to: to, threshold: threshold, label: 255)
            : Masks.labels(probabilities, classes: logits.classes, from: from, to: to)
        var pixels = [Int](repeating: 0, count: 256)
        for label in labels { pixels[Int(label)] += 1 }
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: labels),
            pixels: isBinary ? [pixels[0], pixels[255]] : Array(pixels.prefix(logits.classes)),
            plane: Array(probabilities.prefix(logits.area)), side: imageSize, isBackground: !isBinary)
    }
}
