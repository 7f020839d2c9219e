#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Gives each input's results a name of their own, from which one sees whose they are.
///
/// An input's results are called as it is. Where two inputs would get results of one name, every one of them is told apart:
/// within one folder by its ending (`x.jpg`, `x.png`), otherwise by its folder (`s1_ct`, `s2_ct`), and by more of its path
/// where that is not enough. Names never get a number: nobody could tell which patient `ct_2` is.
public struct ResultNames: Sendable {
    /// A name for each input, in their order; nil where no part of its path tells it apart.
    public let names: [String?]
    /// Positions of the inputs whose results are not called as they are.
    public let renamed: [Int]

    /// - Parameter results: the files that are made from the input at a position under a name.
    public init(_ items: [InputList.Item], results: (_ position: Int, _ name: String) -> [String]) {
        let candidates = items.map(Self.candidates)
        var level = [Int](repeating: 0, count: items.count)
        var lost = Set<Int>()
        func name(_ i: Int) -> String { candidates[i][min(level[i], candidates[i].count - 1)] }
        while true {
            var owners: [String: [Int]] = [:]
            for i in items.indices where !lost.contains(i) {
                for result in results(i, name(i)) { owners[Self.key(result), default: []].append(i) }
            }
            let clashing = Self.groups(owners.values.filter { $0.count > 1 })
            if clashing.isEmpty { break }
            for group in clashing {
                let folders = Set(group.map { items[$0].url.deletingLastPathComponent().path })
                for i in group {
                    // The first step says the ending in one folder, the folder elsewhere.
                    level[i] = level[i] == 0 ? (folders.count == 1 ? 1 : 2) : max(level[i], 1) + 1
                    if level[i] >= candidates[i].count { lost.insert(i) }
                }
            }
        }
        names = items.indices.map { lost.contains($0) ? nil : name($0) }
        renamed = items.indices.filter { !lost.contains($0) && level[$0] > 0 }
    }

    /// What two names have in common that are one to the file system.
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

    /// Sets of positions that have one in common, put together.
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
