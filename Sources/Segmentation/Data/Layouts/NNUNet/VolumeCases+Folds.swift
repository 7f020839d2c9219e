#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension VolumeCases {
    /// The cases divided into training and validation: by `splits_final.json`, by a folder of
    /// their own, or by lot into as many parts as the fraction says, of which `fold` validates.
    ///
    /// The lot does not depend on a run's seed, so that `evaluate` finds the same parts.
    func divided(fold: Int, fraction: Double) throws(DataError) -> (training: [VolumeCase], validation: [VolumeCase]) {
        if let folds = try Self.givenFolds(directory) { return try given(fold, of: folds) }
        guard fraction > 0 else { return (cases, []) }
        let folds = min(max(2, Int((1 / fraction).rounded())), max(cases.count, 2))
        guard cases.count > 1, fold < folds else {
            throw DataError(
                .noPairs, path: directory.path,
                cases.count > 1 ? "is divided into \(folds) parts, so there is no fold \(fold)" : "one case cannot be divided",
                remedy: "Choose a fold from 0 to \(folds - 1), or train on all cases: validation_fraction 0.")
        }
        var random = DataRandom.split(seed: Self.lot)
        let drawn = random.permutation(cases.count)
        let held = Set(drawn.indices.filter { $0 % folds == fold }.map { drawn[$0] })
        return (
            cases.indices.filter { !held.contains($0) }.map { cases[$0] }, cases.indices.filter(held.contains).map { cases[$0] }
        )
    }

    /// The two parts of a given fold.
    private func given(_ fold: Int, of folds: [Fold]) throws(DataError) -> (training: [VolumeCase], validation: [VolumeCase]) {
        guard folds.indices.contains(fold) else {
            throw DataError(
                .noPairs, path: directory.path, "its splits_final.json has \(folds.count) folds, so there is no fold \(fold)",
                remedy: "Choose one from 0 to \(folds.count - 1).")
        }
        let (training, validation) = (Set(folds[fold].train), Set(folds[fold].val))
        let both = training.intersection(validation).sorted()
        guard both.isEmpty else {
            throw DataError(
                .unpaired, path: directory.appending(path: "splits_final.json").path,
                problems: both.map { "\($0.prefix(80)): in both parts of fold \(fold), so that its score would flatter" },
                remedy: "List each case in one of train and val.")
        }
        let known = Set(cases.map(\.name))
        let unknown = training.union(validation).subtracting(known).sorted()
        guard unknown.isEmpty else {
            throw DataError(
                .unpaired, path: directory.appending(path: "splits_final.json").path,
                problems: unknown.map { "\($0.prefix(80)): listed in fold \(fold), but not there" }, remedy: "Correct the list.")
        }
        return (cases.filter { training.contains($0.name) }, cases.filter { validation.contains($0.name) })
    }

    private static let lot: UInt64 = 5

    private struct Fold: Decodable {
        var train: [String]
        var val: [String]
    }

    /// The problems of the folds that a file gives.
    func foldProblems() -> [DataError] {
        let folds: [Fold]
        do { folds = try Self.givenFolds(directory) ?? [] } catch { return [error] }
        return folds.indices.compactMap { fold in
            do throws(DataError) { _ = try given(fold, of: folds) } catch { return error }
            return nil
        }
    }

    /// nnU-Net's list of folds; nil without one.
    private static func givenFolds(_ directory: URL) throws(DataError) -> [Fold]? {
        let file = directory.appending(path: "splits_final.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        guard let text = SynapseLayout.text(of: file), let folds = try? JSONDecoder().decode([Fold].self, from: Data(text.utf8)) else {
            throw DataError(
                .unreadable, path: file.path, "is not a list of folds",
                remedy: #"Write [{"train": ["CASE", …], "val": ["CASE", …]}, …], as nnU-Net does, or remove it."#)
        }
        return folds
    }
}
