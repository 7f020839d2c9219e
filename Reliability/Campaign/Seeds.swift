import Foundation

extension Reader {
    /// The first inputs: the contents of fixtures with its endings under `folders`, each once, none
    /// larger than `largest`.
    public func seeds(under folders: [URL], largest: Int = 1 << 14) -> [[UInt8]] {
        var seen: Set<[UInt8]> = []
        var result = examples
        for folder in folders {
            let paths = (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []).sorted()
            for path in paths where fixtures.contains(where: { path.hasSuffix(".\($0)") }) {
                guard let data = try? Data(contentsOf: folder.appending(path: path)), data.count <= 1 << 20 else { continue }
                for seed in seeds(in: Array(data)) where seed.count <= largest && seen.insert(seed).inserted { result.append(seed) }
            }
        }
        return result
    }
}
