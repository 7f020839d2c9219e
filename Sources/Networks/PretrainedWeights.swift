import TensorFiles
import Torch
import VMUNet

/// Weights to begin training with: VMamba's, which fill the encoder and, mirrored, the decoder; or another VM-UNet's.
public struct PretrainedWeights: Sendable {
    /// What ``apply(_:to:)`` did with the keys of both sides.
    public struct Report: Sendable, Equatable {
        /// Keys of the network that were filled, each with the checkpoint's key.
        public var filled: [(key: String, from: String)] = []
        /// Keys of the network that keep their initial weights.
        public var left: [String] = []
        /// Keys of the checkpoint that fitted nowhere, for want of the key or of the shape.
        public var unused: [String] = []

        public var summary: String {
            "\(filled.count) tensors filled, \(left.count) left at their initial weights, \(unused.count) of the checkpoint's not used"
        }

        public static func == (a: Report, b: Report) -> Bool {
            a.filled.elementsEqual(b.filled) { $0 == $1 } && a.left == b.left && a.unused == b.unused
        }
    }

    /// Where a key of the network takes its values from in a VMamba checkpoint, which has the encoder's names without `vmunet.`:
    /// the decoder's stage i mirrors the encoder's stage 3 − i.
    static func sources(of key: String) -> [String] {
        guard key.hasPrefix("vmunet.") else { return [key] }
        let bare = String(key.dropFirst("vmunet.".count))
        let parts = bare.split(separator: ".", maxSplits: 2).map(String.init)
        if parts.count == 3, parts[0] == "layers_up", let stage = Int(parts[1]), (0..<4).contains(stage) {
            return [key, bare, "layers.\(3 - stage).\(parts[2])"]
        }
        return [key, bare]
    }

    /// Copies into the network's parameters every tensor of `weights` that has its key and shape; throws ``NothingFits`` when no tensor of a block has:
    /// a bias of the classes or the first convolution may fit any network, and says nothing.
    @discardableResult
    public static func apply(_ weights: StateDictionary, to network: TorchVMUNet) throws -> Report {
        var report = Report()
        var used: Set<String> = []
        guard
            network.parameters.contains(where: { key, parameter in
                key.contains(".blocks.") && sources(of: key).contains { weights[$0]?.shape == parameter.shape }
            })
        else { throw NothingFits(keys: weights.keys) }
        try withTorchErrors {
            for (key, parameter) in network.parameters {
                let fitting = sources(of: key).first { weights[$0]?.shape == parameter.shape }
                guard let source = fitting, let host = weights[source] else {
                    report.left.append(key)
                    continue
                }
                withoutGradients { parameter.assign(Tensor(host)) }
                report.filled.append((key, source))
                used.insert(source)
            }
        }
        report.unused = weights.keys.filter { !used.contains($0) }
        return report
    }

    /// Initial weights of which no tensor has the key and shape of one of the network's.
    public struct NothingFits: Error, Sendable, CustomStringConvertible {
        public let keys: [String]
        public var description: String {
            let example = keys.first.map { ", for example \($0.prefix(80))" } ?? ""
            return
                "initial weights: expected VMamba's or VM-UNet's keys, of this network's shapes, got \(keys.count) tensors of which none fits a block\(example)"
        }
    }
}
