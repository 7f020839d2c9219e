/// The named parts of a network, for freezing, learning rates and messages.
///
/// VM-UNet has `patch_embed`, `encoder.0` … `encoder.3`, `decoder.0` … `decoder.3`, `final_up` and
/// `head`. `encoder` names its stages and `patch_embed`, `decoder` its stages and `final_up`. The
/// parts of other networks are named by the first words of their checkpoint keys. Any beginning of
/// a key up to a point also names a part.
package enum NetworkStages {
    /// VM-UNet's parts by the beginnings of their keys.
    private static let published = [
        ("vmunet.patch_embed.", "patch_embed"), ("vmunet.layers.", "encoder."), ("vmunet.layers_up.", "decoder."),
        ("vmunet.final_up.", "final_up"), ("vmunet.final_conv.", "head"),
    ]

    /// The part of a parameter, by its checkpoint key.
    package static func stage(of key: String) -> String {
        for (beginning, name) in published where key.hasPrefix(beginning) {
            guard name.hasSuffix(".") else { return name }
            return name + key.dropFirst(beginning.count).prefix { $0 != "." }
        }
        let parts = key.split(separator: ".", maxSplits: 2)
        guard parts.count == 3, parts[1].allSatisfy(\.isNumber) else { return parts.first.map(String.init) ?? key }
        return "\(parts[0]).\(parts[1])"
    }

    /// True if a parameter belongs to the part of this name.
    package static func contains(_ key: String, in name: String) -> Bool {
        let stage = stage(of: key)
        if stage == name || stage.hasPrefix(name + ".") || key.hasPrefix(name + ".") || key == name { return true }
        return (name == "encoder" && stage == "patch_embed") || (name == "decoder" && stage == "final_up")
    }

    /// Every part, in the order of the network's parameters.
    package static func names(of keys: [String]) -> [String] {
        var names: [String] = []
        for key in keys {
            let name = stage(of: key)
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
