import Files
import TensorFiles

extension StateDictionary {
    /// The parts of keys that newer code of VMamba writes for the layers of its first version,
    /// which VM-UNet is made of.
    private static let olderNames: [(newer: String, older: String)] = [
        ("patch_embed.0.", "patch_embed.proj."), ("patch_embed.2.", "patch_embed.norm."), (".norm.", ".ln_1."),
        (".op.", ".self_attention."),
        (".downsample.1.", ".downsample.norm."), (".downsample.2.", ".downsample.reduction."), ("classifier.norm.", "norm."),
        ("classifier.head.", "head."),
    ]

    /// Gives the layers of VMamba's first version the names that its first code had for them, and
    /// says so.
    mutating func takeOlderNames() {
        guard keys.contains(where: { $0.holds(".op.") && $0.holds(".blocks.") }), VMambaVersion(self) == nil else { return }
        let before = self
        removeAll()
        for (key, tensor) in before { self[Self.older(key)] = tensor }
        notes.append("the weights have VMamba's newer names; the layers are those of its first version and are taken as such")
    }

    private static func older(_ key: String) -> String {
        var name = key
        for (newer, older) in olderNames {
            // The norm before a block has its new name there alone: `out_norm` and the patch
            // embedding's keep theirs.
            if newer == ".norm.", !isBlockNorm(name) { continue }
            guard let place = name.firstRange(of: newer) else { continue }
            name = name[..<place.lowerBound] + older + name[place.upperBound...]
        }
        return name
    }

    /// True if a key is of `….blocks.N.norm.…`.
    private static func isBlockNorm(_ key: String) -> Bool {
        let parts = key.split(separator: ".")
        guard let blocks = parts.lastIndex(of: "blocks") else { return false }
        return parts.count > blocks + 2 && parts[blocks + 2] == "norm"
    }
}

/// Distinguishes later versions of VMamba, which have other layers, from the first one, whose
/// blocks are VM-UNet's.
package struct VMambaVersion: Equatable {
    /// The layers that VM-UNet's blocks do not have, as words.
    let traits: [String]

    /// Nil for weights of the first version, and of networks that are not VMamba's.
    package init?(_ weights: StateDictionary) {
        let block = "layers.0.blocks.0."
        guard let prefix = weights.keys.lazy.compactMap({ key in key.firstRange(of: block).map { String(key[..<$0.lowerBound]) } }).first
        else { return nil }
        let names = weights.keys.lazy.filter { $0.hasPrefix(prefix + block) }.map { String($0.dropFirst(prefix.count + block.count)) }
        func shape(_ ending: String) -> [Int]? { names.first { $0.hasSuffix(ending) }.flatMap { weights[prefix + block + $0]?.shape } }
        guard names.contains(where: { $0.hasPrefix("op.") || $0.hasPrefix("self_attention.") }) else { return nil }
        var traits: [String] = []
        if names.contains(where: { $0.hasPrefix("mlp.") }) { traits.append("an MLP in every block") }
        if let input = shape(".in_proj.weight"), let output = shape(".out_proj.weight"), input.count >= 2, output.count >= 2,
            input[0] == output[1]
        {
            traits.append("no gate beside the scan")
        }
        if let states = shape(".A_logs"), states.count == 2, states[1] == 1 { traits.append("one state per channel") }
        if let step = weights[prefix + "layers.0.downsample.1.weight"]?.shape, step.count == 4 {
            traits.append("convolutions between the stages")
        }
        if weights[prefix + "patch_embed.5.weight"] != nil || weights[prefix + "patch_embed.4.weight"] != nil {
            traits.append("a patch embedding of two convolutions")
        }
        guard !traits.isEmpty else { return nil }
        self.traits = traits
    }

    /// The reason why VM-UNet cannot take them.
    package var problem: String {
        "are those of a later VMamba (\(traits.joined(separator: ", "))), another network than VM-UNet's encoder"
    }

    /// The checkpoints that fit, by their authors' names.
    package static let remedy =
        "take VMamba's first version: vssmtiny_dp01_ckpt_epoch_292.pth or vssmsmall_dp03_ckpt_epoch_238.pth "
        + "(vmamba_tiny_e292.pth and vmamba_small_e238_ema.pth beside VM-UNet's own code)"

}

extension BadWeights {
    /// The error for weights that did not fit. It names their architecture if that is known,
    /// otherwise the misfits.
    package init(file: String, weights: StateDictionary, problem: any WeightsProblem) {
        if let version = VMambaVersion(weights) {
            self.init(file: file, reason: "its weights " + version.problem, remedy: VMambaVersion.remedy)
        } else if weights["layers.0.blocks.0.ln_1.weight"] != nil, weights["patch_embed.proj.weight"] != nil {
            self.init(
                file: file, reason: "holds VMamba's encoder alone, which segments nothing yet",
                remedy: "train a VM-UNet that begins with it (train --init)")
        } else {
            self.init(file: file, problem: problem)
        }
    }
}
