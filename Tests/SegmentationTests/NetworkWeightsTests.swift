import Files
import Foundation
import TensorFiles
import TestSupport
import Testing

@testable import Segmentation

/// Weights of one network under the names that wrappers, trainers and VMamba's versions give them.
@Suite struct NetworkWeightsTests {
    private static func weights(adding offset: Float = 0) throws -> StateDictionary {
        let known = try WeightsFile.read(SynapseSet.weights).networkWeights
        return StateDictionary(known.map { ($0.key, HostTensor($0.tensor.floats.map { $0 + offset }, shape: $0.tensor.shape)) })
    }

    private static func renamed(_ weights: StateDictionary, _ name: (String) -> String) -> StateDictionary {
        StateDictionary(weights.map { (name($0.key), $0.tensor) })
    }

    /// Written in both formats and read again.
    private static func expect(
        _ weights: StateDictionary, choosing choice: WeightsChoice = .model, gives expected: StateDictionary, notes: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try withTemporaryFolder { folder in
            for name in ["w.safetensors", "w.pth"] {
                let url = folder.appending(path: name)
                try WeightsFile.write(weights, to: url)
                let got = try NetworkWeights.read(url, choosing: choice)
                #expect(Set(got.keys) == Set(expected.keys), "\(name)", sourceLocation: sourceLocation)
                for (key, tensor) in expected { #expect(got[key] == tensor, "\(name): \(key)", sourceLocation: sourceLocation) }
                #expect(got.notes == notes, "\(name)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test(arguments: [
        "", "model.", "net.", "module.", "_orig_mod.", "module._orig_mod.", "model._orig_mod.", "a.b.c.", "vmunet.", "state_dict.module.",
    ])
    func takesAnyCommonPrefixOff(prefix: String) throws {
        let weights = try Self.weights()
        try Self.expect(Self.renamed(weights) { prefix + $0 }, gives: weights)
    }

    @Test func namesTheLayersOfANetworkSavedWithoutItsFrame() throws {
        let weights = try Self.weights()
        try Self.expect(Self.renamed(weights) { String($0.dropFirst("vmunet.".count)) }, gives: weights)
    }

    /// A tensor beside the network stays, so that building the network reports it as unexpected.
    @Test func keepsWhatIsNotTheNetworks() throws {
        var (weights, expected) = (Self.renamed(try Self.weights()) { "model." + $0 }, try Self.weights())
        let other = HostTensor([1, 2] as [Float])
        (weights["aux_head.weight"], expected["aux_head.weight"]) = (other, other)
        weights["criterion.pos_weight"] = other
        try Self.expect(weights, gives: expected)
    }

    @Test(arguments: [
        ("model.", "ema_model.module.", "ema_model"), ("vmunet", "model_ema.vmunet", "model_ema"), ("net.", "teacher.", "teacher"),
    ])
    func takesTheModelOrTheAverageOfOneDictionary(own: String, average: String, part: String) throws {
        let isBare = own == "vmunet"
        func keys(_ prefix: String, _ key: String) -> String { isBare ? prefix + key.dropFirst("vmunet".count) : prefix + key }
        var both = Self.renamed(try Self.weights()) { keys(own, $0) }
        for (key, tensor) in try Self.weights(adding: 0.5) { both[keys(average, key)] = tensor }
        try Self.expect(
            both, gives: try Self.weights(), notes: ["the model's own weights are taken, not the averaged ones under '\(part)'"])
        let taken = ["the weights under '\(part)' are taken, not the others in the file"]
        try Self.expect(both, choosing: .average, gives: try Self.weights(adding: 0.5), notes: taken)
        try Self.expect(both, choosing: .named(part), gives: try Self.weights(adding: 0.5), notes: taken)
    }

    /// Our own last checkpoint keeps averages by number.
    @Test func takesTheAverageOfARun() throws {
        let own = try Self.weights()
        var all = own
        all["optimizer.m.0"] = HostTensor([1 as Float])
        all["ema.updates"] = HostTensor([3 as Float])
        for (index, entry) in try Self.weights(adding: 0.25).enumerated() { all["ema.average.\(index)"] = entry.tensor }
        try Self.expect(all, gives: own, notes: ["the model's own weights are taken, not the averaged ones under 'ema'"])
        try Self.expect(
            all, choosing: .average, gives: try Self.weights(adding: 0.25), notes: ["the averaged weights are taken, not the model's own"])
    }

    @Test func refusesSetsThatAreNotThere() throws {
        try withTemporaryFolder { folder in
            for name in ["w.safetensors", "w.pth"] {
                let url = folder.appending(path: name)
                try WeightsFile.write(try Self.weights(), to: url)
                for choice in [WeightsChoice.average, .named("netB")] {
                    let error = try #require(throws: FileError.self) { try NetworkWeights.read(url, choosing: choice) }
                    #expect(error.kind == .missing && error.file.hasSuffix(name) && !error.remedy.isEmpty)
                }
            }
        }
    }

    // MARK: VMamba

    private static func encoder() throws -> StateDictionary {
        var result = Self.renamed(try weights().filter { $0.contains("patch_embed") || $0.contains(".layers.") }) {
            String($0.dropFirst("vmunet.".count))
        }
        let width = try #require(result["layers.3.blocks.0.ln_1.weight"]).count
        for (key, shape) in [("norm.weight", [width]), ("norm.bias", [width]), ("head.weight", [10, width]), ("head.bias", [10])] {
            result[key] = HostTensor([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
        }
        return result
    }

    /// The names of VMamba's code since 2024.
    private static func newer(_ key: String) -> String {
        var name = key
        for (old, new) in [
            ("patch_embed.proj", "patch_embed.0"), ("patch_embed.norm", "patch_embed.2"), (".ln_1.", ".norm."),
            (".self_attention.", ".op."),
        ] { name = name.replacing(old, with: new) }
        return name.hasPrefix("norm.") || name.hasPrefix("head.") ? "classifier." + name : name
    }

    @Test(arguments: ["", "backbone.", "module."], [false, true])
    func readsVMambasNewerNames(prefix: String, hasNumberedMerging: Bool) throws {
        let encoder = try Self.encoder()
        let weights = Self.renamed(encoder) { key in
            let name = Self.newer(key)
            guard hasNumberedMerging else { return prefix + name }
            return prefix + name.replacing("downsample.norm", with: "downsample.1").replacing("downsample.reduction", with: "downsample.2")
        }
        try Self.expect(
            weights, gives: encoder,
            notes: ["the weights have VMamba's newer names; the layers are those of its first version and are taken as such"])
    }

    @Test func leavesTheOlderNames() throws { try Self.expect(try Self.encoder(), gives: try Self.encoder()) }

    /// One layer of a later version at a time.
    @Test(arguments: [
        "an MLP in every block", "no gate beside the scan", "one state per channel", "convolutions between the stages",
        "a patch embedding of two convolutions",
    ])
    func namesALaterVMamba(trait: String) throws {
        var weights = Self.renamed(try Self.encoder(), Self.newer)
        let block = "layers.0.blocks.0."
        switch trait {
        case "an MLP in every block": weights[block + "mlp.fc1.weight"] = HostTensor([0 as Float])
        case "no gate beside the scan":
            let input = try #require(weights[block + "op.in_proj.weight"])
            weights[block + "op.in_proj.weight"] = HostTensor(
                Array(input.floats.prefix(input.count / 2)), shape: [input.shape[0] / 2, input.shape[1]])
        case "one state per channel":
            let rows = try #require(weights[block + "op.A_logs"]).shape[0]
            weights[block + "op.A_logs"] = HostTensor([Float](repeating: 0, count: rows), shape: [rows, 1])
        case "convolutions between the stages":
            weights["layers.0.downsample.1.weight"] = HostTensor([Float](repeating: 0, count: 9), shape: [1, 1, 3, 3])
        default: weights["patch_embed.5.weight"] = HostTensor([0 as Float])
        }
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "vssm.pth")
            try WeightsFile.write(weights, to: url)
            let error = try #require(throws: BadWeights.self) { try Segmenter(weights: url) }
            #expect(error.file.hasSuffix("vssm.pth") && error.reason.contains("a later VMamba (\(trait))"), "\(error)")
            #expect(error.remedy.contains("vssmsmall_dp03_ckpt_epoch_238.pth"))
        }
    }

    @Test func saysThatAnEncoderSegmentsNothing() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "vmamba.pth")
            try WeightsFile.write(try Self.encoder(), to: url)
            let error = try #require(throws: BadWeights.self) { try Segmenter(weights: url) }
            #expect(error.reason.contains("VMamba's encoder alone") && error.remedy.contains("--init"), "\(error)")
        }
    }
}
