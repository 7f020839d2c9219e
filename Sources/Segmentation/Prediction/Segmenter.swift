import Foundation
import Imaging
import TensorFiles
import Torch
import VMUNet

/// Segments pictures with a trained network: weights in, masks of the pictures' own size out.
public struct Segmenter: Sendable {
    public let network: VMUNet
    /// Height and width at which the network sees pictures, in pixels.
    public let imageSize: Int
    /// The probability from which on a pixel is foreground.
    public let threshold: Float
    public let precision: RunConfiguration.Precision
    /// The classes' names, background first, where the weights carry them.
    public let classNames: [String]?
    /// The label of pixels that counted in nothing when the weights were trained, and count in no score; nil where there was none.
    public let ignoredLabel: UInt8?
    /// The layout of the set that the weights were trained on, where they say.
    public let dataset: RunConfiguration.Dataset?
    let device: Device
    let inference: Inference
    /// The weights' file, for messages.
    private let file: String

    /// What was found in one picture.
    public struct Result: Sendable {
        /// Of the picture's own size, one channel: 0 and 255 of a binary network, otherwise the label's number.
        public let mask: Picture
        /// Probability of the foreground, 0…255 for 0…1, of the picture's own size.
        public let probability: Picture
    }

    /// Loads weights of any supported form; their keys say the architecture, their metadata the picture size they were trained at (256 where it says nothing).
    ///
    /// - Parameter compileGraph: whether a GPU is given the network's work as one launch, recorded in the first few pictures
    ///   (``Torch/RecordedWork``): the weights must then stay as they are.
    /// Throws ``TensorFiles/TensorFileError`` for a file that cannot be read, ``Torch/WeightsMismatch`` and ``VMUNet/ConfigurationError`` for one
    /// that is no VM-UNet's, ``DeviceError``.
    public init(
        weights url: URL, imageSize: Int? = nil, threshold: Double? = nil, precision: RunConfiguration.Precision = .fp32,
        device: RunConfiguration.DeviceChoice = .auto, compileGraph: Bool = false
    ) throws {
        let weights = try WeightsFile.read(url)
        let file = url.relativePath
        self.device = try device.resolved()
        do {
            network = try VMUNet(weights: weights.networkWeights).on(self.device)
        } catch let error as any WeightsProblem {
            throw BadWeights(file: file, problem: error)
        }
        try weights.requireFinite(file: file)
        guard network.configuration.classes <= 256 else {
            throw BadWeights(file: file, reason: "is a network of \(network.configuration.classes) classes; a mask's labels are 0 to 255")
        }
        self.imageSize = imageSize ?? weights.metadata["image_size"]?.integerValue ?? 256
        self.threshold = Float(threshold ?? weights.metadata["threshold"]?.numberValue ?? 0.5)
        self.precision = precision
        inference = Inference(network, ForwardMode(precision: precision.elementType), compileGraph: compileGraph)
        let names = weights.metadata["class_names"].map { ClassNames.names($0.text) }
        classNames = names?.count == network.configuration.classes ? names : nil
        ignoredLabel = weights.metadata["ignored_label"]?.integerValue.flatMap(UInt8.init(exactly:))
        dataset = weights.metadata["dataset"].flatMap { RunConfiguration.Dataset(rawValue: $0.text) }
        guard (32...4096).contains(self.imageSize), self.imageSize.isMultiple(of: 32) else {
            let problem = ConfigurationError(what: "image size", expected: "a multiple of 32, 32 to 4096", got: "\(self.imageSize)")
            throw BadWeights(file: file, problem: problem)
        }
        guard self.threshold > 0, self.threshold < 1 else {
            throw BadWeights(file: file, problem: ConfigurationError(what: "threshold", expected: "0 to 1", got: "\(self.threshold)"))
        }
        self.file = file
    }

    /// Segments one picture of any size.
    public func segment(_ picture: Picture) throws -> Result {
        let S = imageSize
        let planes = Preprocessing.stretched(picture, height: S, width: S)
        let logits = try self.logits(try withTorchErrors { Tensor(planes, shape: [1, 3, S, S], on: device) })
        guard try withTorchErrors({ logits.isFinite }) else {
            throw BadWeights(file: file, reason: "the network's output is not finite: its values are too large")
        }
        return network.configuration.classes == 1 ? try binary(logits, like: picture) : try labels(logits, like: picture)
    }

    /// Logits [B, classes, H, W] of images [B, 3 or 1, H, W] from any device, H and W multiples of 32.
    public func logits(_ images: Tensor) throws -> Tensor { try inference(try withTorchErrors { images.to(device) }) }

    private func binary(_ logits: Tensor, like picture: Picture) throws -> Result {
        let probabilities = try withTorchErrors { logits.sigmoid().floats() }
        var mask = [UInt8](repeating: 0, count: picture.width * picture.height)
        var grey = mask
        Resize.bilinearRows(probabilities, from: (imageSize, imageSize), to: (picture.height, picture.width)) { y, row in
            for x in row.indices {
                mask[y * picture.width + x] = row[x] >= threshold ? 255 : 0
                grey[y * picture.width + x] = UInt8(row[x] * 255 + 0.5)
            }
        }
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: mask),
            probability: Picture(width: picture.width, height: picture.height, channels: 1, pixels: grey))
    }

    /// Each pixel gets the class of the greatest interpolated probability: outlines are smoother than those of labels resized by nearest.
    private func labels(_ logits: Tensor, like picture: Picture) throws -> Result {
        let classes = network.configuration.classes
        let all = try withTorchErrors { logits.softmax(axis: 1).floats() }
        let area = imageSize * imageSize
        var best = [Float](repeating: -1, count: picture.width * picture.height)
        var mask = [UInt8](repeating: 0, count: best.count)
        var background = mask
        for c in 0..<classes {
            Resize.bilinearRows(Array(all[c * area..<(c + 1) * area]), from: (imageSize, imageSize), to: (picture.height, picture.width)) {
                y, row in
                for x in row.indices {
                    let i = y * picture.width + x
                    if c == 0 { background[i] = UInt8(row[x] * 255 + 0.5) }
                    if row[x] > best[i] { (best[i], mask[i]) = (row[x], UInt8(c)) }
                }
            }
        }
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: mask),
            probability: Picture(width: picture.width, height: picture.height, channels: 1, pixels: background.map { 255 - $0 }))
    }
}

/// Errors of weights that could be read, but are not this network's.
protocol WeightsProblem: Error, CustomStringConvertible {}
extension WeightsMismatch: WeightsProblem {}
extension ConfigurationError: WeightsProblem {}
extension PretrainedWeights.NothingFits: WeightsProblem {}

extension StateDictionary {
    /// Throws ``BadWeights`` for a tensor with values that are NaN or infinite: nothing of use can come out of such a network.
    func requireFinite(file: String) throws {
        for (key, tensor) in self where !tensor.isFinite {
            throw BadWeights(file: file, reason: "\(key) has values that are not finite: the training that wrote it went wrong")
        }
    }
}

/// A file of weights that fits no VM-UNet, or not the one wanted.
public struct BadWeights: Error, Sendable, CustomStringConvertible, LocalizedError {
    public let file: String
    public let reason: String

    init(file: String, problem: any WeightsProblem) {
        self.file = file
        reason = problem.description
    }

    init(file: String, reason: String) { (self.file, self.reason) = (file, reason) }

    public var description: String { "\(file): \(reason)\ngive weights of a VM-UNet, of the sizes and the class count asked for" }
    public var errorDescription: String? { description }
}
