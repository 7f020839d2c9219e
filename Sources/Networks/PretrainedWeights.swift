import TensorFiles
import Torch
import VMUNet

/// Initial weights for training, from another network of the same kind. VM-UNet also takes
/// VMamba's, which fill the encoder and, mirrored, the decoder.
public enum PretrainedWeights {
    /// The tensors that were taken, left at their initial values, or not used.
    public struct Report: Sendable, Equatable {
        /// The network's keys that were filled, each with the checkpoint's key.
        public var filled: [(key: String, from: String)] = []
        /// The network's keys that keep their initial values.
        public var left: [String] = []
        /// The checkpoint's keys that were not used: the network lacks the key, or its shape
        /// differs.
        public var unused: [String] = []
        /// The network's filled keys whose values were adapted to another number of channels.
        public var adapted: [String] = []
        /// The shapes of tensors that the checkpoint has under a key of the network in another
        /// shape: "[1, 24, 1, 1] in the file, [4, 24, 1, 1] here".
        public var mismatches: [String: String] = [:]
        /// Choices, renamings and omissions while reading the file.
        public var notes: [String] = []

        /// The three counts, in one line.
        public var summary: String {
            "\(filled.count) tensors filled, \(left.count) left at their initial values, \(unused.count) of the checkpoint not used"
        }

        /// True if the two list the same keys.
        public static func == (a: Report, b: Report) -> Bool {
            a.filled.elementsEqual(b.filled) { $0 == $1 } && a.left == b.left && a.unused == b.unused && a.adapted == b.adapted
                && a.notes == b.notes
        }
    }

    /// The VMamba keys that can fill a key of the network. VMamba has the encoder's names without
    /// `vmunet.`; decoder stage i mirrors encoder stage 3 − i.
    static func sources(of key: String) -> [String] {
        guard key.hasPrefix("vmunet.") else { return [key] }
        let bare = String(key.dropFirst("vmunet.".count))
        let parts = bare.split(separator: ".", maxSplits: 2).map(String.init)
        if parts.count == 3, parts[0] == "layers_up", let stage = Int(parts[1]), (0..<4).contains(stage) {
            return [key, bare, "layers.\(3 - stage).\(parts[2])"]
        }
        return [key, bare]
    }

    /// Copies every tensor of `weights` whose key and shape the network has, parameters and
    /// buffers.
    ///
    /// If the first layer has another number of channels, such as an RGB network's three, its
    /// kernels are averaged over them, and each channel of this network gets the average times
    /// theirs ÷ ours. A picture with equal channels then gives the same maps as before.
    ///
    /// - Throws: ``NothingFits`` unless a tensor of a block fits: a class bias or the first
    ///   convolution fits any network and proves nothing.
    @discardableResult
    package static func apply(_ weights: StateDictionary, to network: any SegmentationNetwork) throws -> Report {
        let weights = NetworkKind.published(weights)?.weights ?? weights
        var report = Report()
        var used: Set<String> = []
        guard
            network.body.contains(where: { key, parameter in
                sources(of: key).contains { weights[$0]?.shape == parameter.shape }
            })
        else {
            let isVMUNet = network is TorchVMUNet || network is DeeplySupervisedVMUNet
            throw NothingFits(keys: weights.keys, expected: isVMUNet ? "VMamba's or VM-UNet's keys" : "this kind of network's keys")
        }
        try withTorchErrors {
            for (key, parameter) in network.tensors {
                let fitting = sources(of: key).first { weights[$0]?.shape == parameter.shape }
                if let source = fitting, let host = weights[source] {
                    withoutGradients { parameter.assign(Tensor(host)) }
                    report.filled.append((key, source))
                    used.insert(source)
                } else if let (source, host) = otherChannels(weights, key, parameter.shape, network.inputChannels) {
                    withoutGradients { parameter.assign(Tensor(host)) }
                    report.filled.append((key, source))
                    report.adapted.append(key)
                    report.notes.append(
                        "\(source) is for \(weights[source]?.shape[1] ?? 0) channels: averaged over them for the \(network.inputChannels) here"
                    )
                    used.insert(source)
                } else {
                    report.left.append(key)
                    if let theirs = sources(of: key).lazy.compactMap({ weights[$0]?.shape }).first {
                        report.mismatches[key] = "\(theirs) in the file, \(parameter.shape) here"
                    }
                }
            }
        }
        report.unused = weights.keys.filter { !used.contains($0) }
        return report
    }

    /// Adapts a first layer's kernels [out, channels, rows, columns] to another number of channels;
    /// nil for other tensors.
    private static func otherChannels(
        _ weights: StateDictionary, _ key: String, _ shape: [Int], _ channels: Int
    ) -> (source: String, tensor: HostTensor)? {
        guard shape.count == 4, shape[1] == channels else { return nil }
        for source in sources(of: key) {
            guard let host = weights[source], host.shape.count == 4, host.shape[0] == shape[0], host.shape[1] > 0,
                host.shape[1] != channels, Array(host.shape[2...]) == Array(shape[2...])
            else { continue }
            let (theirs, area, values) = (host.shape[1], shape[2] * shape[3], host.floats)
            var adapted: [Float] = []
            adapted.reserveCapacity(shape.reduce(1, *))
            for out in 0..<shape[0] {
                let kernel = (0..<area).map { place in
                    (0..<theirs).reduce(Float(0)) { $0 + values[(out * theirs + $1) * area + place] } / Float(channels)
                }
                for _ in 0..<channels { adapted += kernel }
            }
            return (source, HostTensor(adapted, shape: shape))
        }
        return nil
    }

    /// Initial weights without a tensor that fits one of the network's blocks.
    package struct NothingFits: Error, Sendable, CustomStringConvertible {
        package let keys: [String]
        let expected: String
        package var description: String {
            let example = keys.first.map { ", for example \($0.prefix(80))" } ?? ""
            return
                "initial weights: expected \(expected) in this network's shapes, got \(keys.count) tensors, none of which fits a block\(example)"
        }
    }
}

extension SegmentationNetwork {
    /// The parameters that identify a network: VM-UNet's blocks, otherwise the weights between its
    /// first and last layer.
    fileprivate var body: [(key: String, tensor: Tensor)] {
        let blocks = parameters.filter { $0.key.contains(".blocks.") }
        if !blocks.isEmpty { return blocks }
        return parameters.filter { _, tensor in tensor.rank > 1 && tensor.size(0) != classes && tensor.size(1) != inputChannels }
    }
}
