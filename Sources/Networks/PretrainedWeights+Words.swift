extension PretrainedWeights.Report {
    /// Lines about the network's parts: those kept from the file, those adapted, and those drawn
    /// anew, with the reason.
    public var words: [String] {
        let (filled, left) = (Set(filled.map(\.key)), Set(left))
        func stages(_ keys: some Sequence<String>) -> [String] { NetworkStages.names(of: Array(keys)) }
        var lines: [String] = []
        let kept = stages(self.filled.lazy.map(\.key)).filter { stage in
            !left.contains { NetworkStages.stage(of: $0) == stage } && !adapted.contains { NetworkStages.stage(of: $0) == stage }
        }
        if !kept.isEmpty { lines.append("kept: \(Self.joined(kept))") }
        for key in adapted { lines.append("adapted: \(key), to another number of channels") }
        for stage in stages(self.left) {
            let keys = self.left.filter { NetworkStages.stage(of: $0) == stage }
            let others = filled.count { NetworkStages.stage(of: $0) == stage }
            let share = others == 0 ? stage : "\(keys.count) of the \(keys.count + others) tensors of \(stage)"
            let reason = keys.lazy.compactMap { mismatches[$0].map { " (\($0))" } }.first ?? ""
            lines.append("drawn anew: \(share)\(reason)")
        }
        return lines
    }

    /// "patch_embed, encoder.0 to encoder.3, head": runs of numbered parts as one.
    private static func joined(_ stages: [String]) -> String {
        var runs: [(first: String, last: String, name: Substring, number: Int?)] = []
        for stage in stages {
            let name = stage.prefix { $0 != "." }, number = Int(stage.dropFirst(name.count + 1))
            if let number, let last = runs.last, last.name == name, last.number == number - 1 {
                (runs[runs.count - 1].last, runs[runs.count - 1].number) = (stage, number)
            } else {
                runs.append((stage, stage, name, number))
            }
        }
        return runs.map { $0.first == $0.last ? $0.first : "\($0.first) to \($0.last)" }.joined(separator: ", ")
    }
}
