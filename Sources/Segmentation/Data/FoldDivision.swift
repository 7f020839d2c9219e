import Files

/// Samples divided into folds for cross-validation.
enum FoldDivision {
    /// The fold of each sample, from 0. Samples of one group share a fold.
    ///
    /// Groups come in an order drawn by the seed from their sorted names, the largest first, and
    /// each goes to the fold that has the fewest samples.
    static func folds(of groups: [String], count: Int, seed: UInt64) -> [Int] {
        // Equal sizes stay as drawn.
        let order = shuffled(groups, seed: seed).enumerated().sorted { ($1.element.size, $0.offset) < ($0.element.size, $1.offset) }
        var (filled, fold) = ([Int](repeating: 0, count: count), [String: Int]())
        for (_, group) in order {
            let chosen = filled.indices.min { (filled[$0], $0) < (filled[$1], $1) } ?? 0
            fold[group.name] = chosen
            filled[chosen] += group.size
        }
        return groups.map { fold[$0] ?? 0 }
    }

    /// True for samples that are held back to validate. Whole groups are drawn by the seed until
    /// they have the share: at least one, and not all.
    static func held(of groups: [String], fraction: Double, seed: UInt64) -> [Bool] {
        let wanted = (Double(groups.count) * min(1, max(0, fraction))).rounded()
        var (held, count) = (Set<String>(), 0)
        for group in shuffled(groups, seed: seed).dropLast() where held.isEmpty || Double(count) < wanted {
            held.insert(group.name)
            count += group.size
        }
        return groups.map(held.contains)
    }

    /// The groups with their sizes, in an order drawn by the seed from their sorted names.
    private static func shuffled(_ groups: [String], seed: UInt64) -> [(name: String, size: Int)] {
        var sizes: [String: Int] = [:]
        for group in groups { sizes[group, default: 0] += 1 }
        let sorted = sizes.sorted { FolderListing.byteOrder($0.key, $1.key) }
        var random = DataRandom.split(seed: seed)
        return random.permutation(sorted.count).map { (sorted[$0].key, sorted[$0].value) }
    }

    /// `count` of the places 0 ..< `all`, drawn by the seed, ascending. Fewer places are a subset of
    /// more.
    static func drawn(_ count: Int, of all: Int, seed: UInt64) -> [Int] {
        var random = DataRandom.subset(seed: seed)
        return random.permutation(all).prefix(count).sorted()
    }

    /// Throws ``DataError`` if there is no such fold, or if there are fewer groups than folds.
    static func require(_ fold: Int, of count: Int, groups: [String], path: String) throws(DataError) {
        guard fold < count else {
            throw DataError(
                .noPairs, path: path, "is divided into \(count) folds, so there is no fold \(fold)",
                remedy: "Choose a fold from 0 to \(count - 1).")
        }
        let different = Set(groups).count
        guard different >= count else {
            let unit = different == groups.count ? "sample" : "group"
            throw DataError(
                .noPairs, path: path, "has \(counted(different, unit)), too few for \(count) folds", remedy: "Choose fewer folds.")
        }
    }
}
