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
    /// The network. For several passes it averages them.
    public private(set) var network: any InferenceNetwork
    /// Height and width of the network's input, in pixels.
    public let imageSize: Int
    /// Planes of ``ProbabilityMaps`` for each picture.
    var mapCount: Int { ProbabilityMaps.count(classes: network.classes, passes: passes) }
    /// True if the network sees pictures and slices at their own resolution, in tiles of
    /// ``imageSize``.
    public let isTiled: Bool
    /// Tiles, views, clean-up and uncertainty.
    public let prediction: PredictionOptions
    /// Clean-up of the labels: the given one, or the weights' own.
    public var cleanUp: CleanUp { prediction.cleanUp ?? metadata.cleanUp ?? .none }
    /// The passes for each picture or tile: the ensemble's networks times the views.
    public private(set) var passes = 1
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
    ///   - prediction: tiles, views, clean-up and uncertainty.
    ///   - compute: how to compute.
    ///   - networks: builds the network; the package's own kernels unless given.
    /// - Throws: ``/Files/FileError`` for a file that cannot be read, ``BadWeights``
    ///   for one that is no network's and for a size or a threshold that it cannot have, and what
    ///   `networks` throws for a device that cannot be used.
    public init(
        weights url: URL, choosing choice: WeightsChoice = .model, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(), prediction: PredictionOptions = PredictionOptions(),
        compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        try self.init(
            ensemble: [url], choosing: choice, imageSize: imageSize, threshold: threshold, input: input, prediction: prediction,
            compute: compute, networks: networks)
    }

    /// Loads an ensemble: all networks see the same input, and their probabilities are averaged.
    /// The first one's weights decide size, threshold, class names and the form of the input.
    /// Everything else is as for one file; at least one must be given.
    ///
    /// - Throws: also ``BadWeights`` for a network whose classes or input differ from the first's.
    public init(
        ensemble urls: [URL], choosing choice: WeightsChoice = .model, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(), prediction: PredictionOptions = PredictionOptions(),
        compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        guard let first = urls.first else { throw BadWeights(file: "ensemble", reason: "has no weights", remedy: "name one file or more") }
        func load(_ url: URL) throws -> Segmenter {
            try Segmenter(
                NetworkWeights.read(url, choosing: choice), file: url.relativePath, imageSize: imageSize, threshold: threshold,
                input: input, prediction: prediction, compute: compute, networks: networks)
        }
        self = try load(first)
        try combine(with: urls.dropFirst().map(load))
    }

    /// Loads weights from a file's content in memory; `name` stands for the path in errors.
    /// Everything else is as for
    /// ``init(weights:choosing:imageSize:threshold:input:prediction:compute:networks:)``, the
    /// errors too.
    public init(
        weights bytes: [UInt8], name: String, imageSize: Int? = nil, threshold: Double? = nil,
        input: InputConvention.Options = InputConvention.Options(), prediction: PredictionOptions = PredictionOptions(),
        compute: Compute = Compute(), networks: NetworkLoader = .kernels
    ) throws {
        try self.init(
            WeightsFile.decode(bytes, name: name).networkWeights, file: name, imageSize: imageSize, threshold: threshold, input: input,
            prediction: prediction, compute: compute, networks: networks)
        try combine(with: [])
    }

    /// Loads one network, without its views.
    private init(
        _ weights: StateDictionary, file: String, imageSize: Int?, threshold: Double?, input: InputConvention.Options,
        prediction: PredictionOptions, compute: Compute, networks: NetworkLoader
    ) throws {
        (self.file, notes, self.prediction) = (file, weights.notes, prediction)
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
        isTiled = prediction.tile != nil || (imageSize == nil && known.patchSize != nil)
        self.imageSize = prediction.tile ?? imageSize ?? known.patchSize ?? known.imageSize ?? 256
        self.threshold = Float(threshold ?? known.threshold ?? 0.5)
        classNames = known.classNames?.count == network.classes ? known.classNames : nil
        ignoredLabel = known.ignoredLabel.flatMap(UInt8.init(exactly:))
        dataset = known.dataset
        guard Self.imageSizes.contains(self.imageSize), self.imageSize.isMultiple(of: network.sizeMultiple) else {
            throw BadWeights(
                file: file,
                reason: "image size: expected a multiple of \(network.sizeMultiple), \(Self.imageSizes.lowerBound) to "
                    + "\(Self.imageSizes.upperBound), got \(self.imageSize)",
                remedy: "choose such a size, or none for the weights' own")
        }
        guard self.threshold > 0, self.threshold < 1 else {
            throw BadWeights(
                file: file, reason: "threshold: expected more than 0 and less than 1, got \(self.threshold)",
                remedy: "choose such a threshold, or none for the weights' own")
        }
        guard PredictionOptions.overlaps.contains(prediction.overlap) else {
            throw BadWeights(
                file: file, reason: "overlap: expected 0 to 0.9, got \(prediction.overlap)", remedy: "choose such an overlap")
        }
    }

    /// Combines this network, the others and the views to one network.
    private mutating func combine(with others: [Segmenter]) throws {
        for other in others {
            var remedy = "an ensemble's networks take one input; leave this one out"
            let difference: String
            if other.network.classes != network.classes {
                difference = "is a network of \(counted(other.network.classes, "class", "classes")), \(file) of \(network.classes)"
            } else if other.network.inputChannels != network.inputChannels {
                difference = "is a network of \(counted(other.network.inputChannels, "channel")), \(file) of \(network.inputChannels)"
            } else {
                let settings = other.convention.differences(from: convention)
                if settings.isEmpty { continue }
                difference = "takes another input than \(file): \(settings.map(\.text).joined(separator: "; "))"
                if let unrecorded = [other, self].first(where: { $0.convention.input == nil })?.file {
                    let options = settings.compactMap(\.option)
                    let needed = options.indices.filter { !options[..<$0].contains(options[$0]) }.map { options[$0] }
                    remedy =
                        "\(unrecorded) does not record its input, so the usual one is assumed"
                        + (options.count == settings.count
                            ? "; if that is wrong, say how all were trained by \(needed.joined(separator: " and "))"
                            : ", and options do not settle all of this: leave it out, or segment with each alone")
                }
            }
            throw BadWeights(file: other.file, reason: difference, remedy: remedy)
        }
        let members = ([self] + others).map {
            AveragedNetwork.Member(network: $0.network, temperature: Float($0.metadata.temperature ?? 1))
        }
        let all = AveragedNetwork(members: members, views: prediction.augmentation.views)
        passes = all.passes
        // A single pass without a temperature keeps the plain network, bit for bit.
        if passes > 1 || members[0].temperature != 1 { network = all }
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
    public func segment(_ picture: Picture) throws -> Result { try segment(picture) {} }

    /// Segments one picture from a file, memory or pixels.
    ///
    /// - Throws: ``/Imaging/PictureError`` for a picture that cannot be read, and what
    ///   `segment(_:)` throws.
    public func segment(_ input: PictureInput) throws -> Result { try segment(input.read()) }

    /// Segments one picture. `check` is called between the steps; its errors end the work.
    func segment(_ picture: Picture, check: () throws -> Void) throws -> Result {
        guard !isTiled else { return try segmentTiles(of: picture, check: check) }
        // Planes and maps at the network's size, then of each pixel a label, a probability and, of
        // several classes, the best.
        try DataError.requireMemory(
            (12 + 8 * network.classes * passes) * imageSize * imageSize + (network.classes == 1 ? 2 : 8) * picture.width * picture.height,
            for: "a picture of \(picture.width)×\(picture.height) pixels", remedy: "Make the picture smaller, or lower --image-size.")
        let planes = planes(of: picture)
        try check()
        let maps = try answer(planes, batch: 1)
        try check()
        return try result(maps, 0, like: picture)
    }

    /// The network's input, 3 × size × size.
    func planes(of picture: Picture) -> [Float] {
        var planes = Preprocessing.stretched(picture, height: imageSize, width: imageSize)
        if convention.pictureScale != 255 { for i in planes.indices { planes[i] *= convention.pictureScale / 255 } }
        return planes
    }

    /// The network's answer for a batch of planes. Throws if it is not finite.
    func answer(_ planes: [Float], batch: Int) throws -> ProbabilityMaps {
        let maps = try network.maps(planes, batch: batch, height: imageSize, width: imageSize)
        guard maps.isFinite else { throw overflow }
        return maps
    }

    /// The error for an output that is NaN or infinite.
    var overflow: BadWeights { BadWeights(file: file, reason: "the network's output is not finite: its values are too large") }
}
