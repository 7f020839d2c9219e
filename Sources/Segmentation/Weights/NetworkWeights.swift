import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The one door for a network's weights: whatever wrapped them, they come out under the keys that
/// VM-UNet has.
package enum NetworkWeights {
    /// Reads one set of weights. What was taken, left out or renamed stands in the result's
    /// ``/TensorFiles/StateDictionary/notes``.
    ///
    /// Sets lie in dictionaries of their own, or in one under the first parts of their keys:
    /// `ema_model.…` beside `model.…`.
    package static func read(_ url: URL, choosing choice: WeightsChoice = .model) throws(FileError) -> StateDictionary {
        guard choice != .model else { return try WeightsFile.read(url).networkWeights }
        let refusal: FileError
        do throws(FileError) { return try WeightsFile.read(url, choosing: choice).networkWeights } catch { refusal = error }
        guard refusal.kind == .missing, let all = try? WeightsFile.read(url), let set = all.set(choice) else { throw refusal }
        return set.networkWeights
    }
}

extension StateDictionary {
    /// The network's own tensors under VM-UNet's keys: without what a trainer keeps beside them,
    /// without the prefix that its wrapper put before every key, and under the names that VM-UNet
    /// has for what newer code of VMamba calls otherwise.
    public var networkWeights: StateDictionary {
        var result = withoutTrainingState
        guard isOfVMamba else { return result }
        result.takePrefixOff()
        result.takeOlderNames()
        return result
    }

    /// True of VM-UNet's weights, of VMamba's, and of those that no other network claims. VM-UNetV2
    /// has VM-UNet's encoder under the same name, but no decoder of it.
    private var isOfVMamba: Bool {
        if let name = metadata["network"]?.text, name != NetworkSettings.vmunet { return false }
        return !keys.contains { $0.hasSuffix("sdi_1.convs.0.weight") || $0.hasSuffix(".relative_position_bias_table") }
    }

    /// Without the state of optimisers, and without averaged weights if there are others.
    private var withoutTrainingState: StateDictionary {
        var result = filter { !WeightsChoice.isTrainingState($0.firstPart) }
        let averages = Set(result.keys.lazy.map(\.firstPart).filter(WeightsChoice.isAverage))
        guard !averages.isEmpty, result.keys.contains(where: { !averages.contains($0.firstPart) }) else { return result }
        result = result.filter { !averages.contains($0.firstPart) }
        let names = averages.sorted().map { "'\($0.printable(limit: 40))'" }.joined(separator: ", ")
        result.notes.append("the model's own weights are taken, not the averaged ones under \(names)")
        return result
    }

    /// The set of weights under a first part; nil if there is none.
    fileprivate func set(_ choice: WeightsChoice) -> StateDictionary? {
        if choice == .average, let own = averageOfRun { return own }
        let isWanted: (String) -> Bool =
            switch choice {
            case .model: { _ in false }
            case .average: WeightsChoice.isAverage
            case .named(let name): { $0 == name }
            }
        guard let part = keys.lazy.map(\.firstPart).first(where: isWanted), keys.contains(where: { $0.firstPart != part }) else {
            return nil
        }
        var result = self
        result.removeAll()
        for (key, tensor) in self where key.hasPrefix(part + ".") { result[String(key.dropFirst(part.utf8.count + 1))] = tensor }
        result.notes.append("the weights under '\(part.printable(limit: 40))' are taken, not the others in the file")
        return result.isEmpty ? nil : result
    }

    /// The averages that a run's checkpoint keeps, `ema.average.N` for the N-th tensor of the
    /// network.
    private var averageOfRun: StateDictionary? {
        guard self["ema.updates"] != nil else { return nil }
        var result = self
        result.removeAll()
        for (index, key) in keys.lazy.filter({ !["ema", "optimizer"].contains($0.firstPart) }).enumerated() {
            guard let average = self["ema.average.\(index)"], average.shape == self[key]?.shape else { return nil }
            result[key] = average
        }
        result.notes.append("the averaged weights are taken, not the model's own")
        return result
    }

    /// Takes off what stands before a network's first layer in every one of its keys, such as
    /// Lightning's `model.`.
    ///
    /// If two networks lie side by side, the larger is taken out of its prefix; what does not
    /// share it stays as it is, and whoever builds a network of it says that it does not belong
    /// there.
    private mutating func takePrefixOff() {
        let counts = Set(keys.lazy.compactMap(Self.prefix)).map { prefix in
            (prefix: prefix, count: keys.lazy.filter { $0.hasPrefix(prefix) }.count)
        }
        guard let prefix = counts.max(by: { ($0.count, $1.prefix) < ($1.count, $0.prefix) })?.prefix else { return }
        // A VM-UNet keeps its layers under this name; VMamba, which has no decoder, keeps them at
        // the top.
        let isWhole = keys.contains { $0.hasPrefix(prefix + "final_conv.") || $0.hasPrefix(prefix + "layers_up.") }
        let wanted = isWhole ? "vmunet." : ""
        guard prefix != wanted else { return }
        let before = self
        removeAll()
        for (key, tensor) in before {
            self[key.hasPrefix(prefix) ? wanted + key.dropFirst(prefix.count) : key] = tensor
        }
    }

    /// The part of a key before the patch embedding, the first layer of VM-UNet and VMamba; nil for
    /// other keys.
    private static func prefix(_ key: String) -> String? {
        for layer in ["patch_embed.proj.weight", "patch_embed.0.weight"] where key.hasSuffix(layer) {
            let prefix = String(key.dropLast(layer.count))
            if prefix.isEmpty || prefix.hasSuffix(".") { return prefix }
        }
        return nil
    }
}

extension String {
    /// The part before the first full stop, or the whole.
    fileprivate var firstPart: String { String(prefix { $0 != "." }) }
}
