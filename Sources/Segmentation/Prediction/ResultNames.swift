#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Gives each input's results a unique name that shows where they belong.
///
/// By default, results are named like their input. If two inputs would get results of the same
/// name, each of them is renamed: within one folder by its ending (`x.jpg`, `x.png`), otherwise by
/// its folder (`s1_ct`, `s2_ct`), or by more of its path if necessary. Names never get a number:
/// nobody could tell which patient `ct_2` is. An input that a folder of results lists keeps its
/// name there, and another input does not take the name of a listed one.
package struct ResultNames: Sendable {
    /// A name for each input, in order; nil if its path does not distinguish it.
    package let names: [String?]
    /// Positions of the inputs whose results are not named like them.
    package let renamed: [Int]

    /// `results` returns the files made from the input at a position, under a name; the first is its
    /// mask. `earlier` lists the results of earlier runs in the same folder.
    package init(
        _ items: [InputList.Item], earlier: PredictionFile? = nil, results: (_ position: Int, _ name: String) -> [String]
    ) {
        let candidates = items.map(Self.candidates)
        var level = [Int](repeating: 0, count: items.count)
        var lost = Set<Int>(), settled = Set<Int>()
        let itemPlaces = earlier == nil ? [] : items.map(InputIdentity.place)
        for i in itemPlaces.indices {
            guard let mask = earlier?.mask(ofPlace: itemPlaces[i]),
                let kept = candidates[i].firstIndex(where: { results(i, $0).first == mask })
            else { continue }
            level[i] = kept
            settled.insert(i)
        }
        let taken = earlier?.files(exceptOfPlaces: Set(itemPlaces)) ?? []
        func name(_ i: Int) -> String { candidates[i][min(level[i], candidates[i].count - 1)] }
        while true {
            var owners: [String: [Int]] = [:]
            for file in taken { owners[Self.key(file), default: []].append(Self.another) }
            for i in items.indices where !lost.contains(i) {
                for result in results(i, name(i)) { owners[Self.key(result), default: []].append(i) }
            }
            let clashing = Self.groups(owners.values.filter { Set($0).count > 1 })
            if clashing.isEmpty { break }
            for group in clashing {
                let own = group.filter { $0 != Self.another }
                let free = own.filter { !settled.contains($0) }
                // With a further result, such as an overlay, even listed inputs may clash.
                if free.isEmpty { settled.subtract(own) }
                let isOneFolder = own.count == group.count && Set(own.map { items[$0].url.deletingLastPathComponent().path }).count == 1
                for i in free.isEmpty ? own : free {
                    // In one folder the first step adds the ending, otherwise the folder.
                    level[i] = level[i] == 0 ? (isOneFolder ? 1 : 2) : max(level[i], 1) + 1
                    if level[i] >= candidates[i].count { lost.insert(i) }
                }
            }
        }
        names = items.indices.map { lost.contains($0) ? nil : name($0) }
        renamed = items.indices.filter { !lost.contains($0) && level[$0] > 0 }
    }

    /// Stands for an input that is not among the items.
    private static let another = -1

    /// Equal for two names that the file system takes for one.
    private static func key(_ name: String) -> String {
        #if os(macOS) || os(Windows)
            name.lowercased()
        #else
            name
        #endif
    }

    /// NAME, NAME.ENDING, FOLDER_NAME, FOLDER_NAME.ENDING, ABOVE_FOLDER_NAME and so on.
    private static func candidates(_ item: InputList.Item) -> [String] {
        let whole = item.ending.isEmpty ? item.name : item.name + "." + item.ending
        var names = [item.name, whole]
        var prefix = ""
        for folder in item.url.standardizedFileURL.deletingLastPathComponent().pathComponents.reversed() where folder != "/" {
            prefix = folder + "_" + prefix
            names += [prefix + item.name, prefix + whole]
        }
        return names
    }

    /// Joins sets of positions that overlap.
    private static func groups(_ sets: [[Int]]) -> [[Int]] {
        var parent: [Int: Int] = [:]
        func root(_ i: Int) -> Int {
            var i = i
            while let up = parent[i], up != i { i = up }
            return i
        }
        for set in sets { for i in set { parent[root(i)] = root(set[0]) } }
        var groups: [Int: [Int]] = [:]
        for i in Set(sets.joined()).sorted() { groups[root(i), default: []].append(i) }
        return groups.keys.sorted().map { groups[$0] ?? [] }
    }
}
