import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files that values of --weights name: a file itself, a run's best weights for the run's
/// folder, and those of every fold for the folder of a cross-validation.
enum RunWeights {
    /// The record of a cross-validation, as far as it is needed here.
    private struct CrossValidation: Decodable {
        struct Fold: Decodable {
            var fold: Int
            var run: String
            var state: String
        }
        var folds: [Fold]
    }

    private static let best = FolderListing.bestWeights
    private static let record = "crossvalidation.json"

    /// The files of these paths, in their order. Throws ``InputError`` for a folder without weights
    /// or with a fold that is not finished.
    static func files(_ paths: [String]) throws -> [URL] { try paths.flatMap { try files(URL(filePath: $0)) } }

    private static func files(_ url: URL) throws -> [URL] {
        guard FolderListing.isFolder(url) else { return [url] }
        if let own = FolderListing.bestWeights(of: url) { return [own] }
        let file = url.appending(path: record)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw InputError(
                "\(url.relativePath): is a folder with neither \(best), as a run has, nor \(record), as a cross-validation has; "
                    + "name a file of weights, or one of those folders")
        }
        guard let bytes = try? FileReader(file).head(1 << 24),
            let found = try? JSONDecoder().decode(CrossValidation.self, from: Data(bytes)), !found.folds.isEmpty,
            found.folds.allSatisfy({ !$0.run.contains("/") && !$0.run.hasPrefix(".") && !$0.run.isEmpty })
        else { throw InputError("\(file.relativePath): is no record of a cross-validation; name its folds' weights one by one") }
        let open = found.folds.filter { $0.state != "finished" }
        guard open.isEmpty else {
            throw InputError(
                "\(url.relativePath): fold \(open.map { "\($0.fold)" }.joined(separator: ", ")) is not finished; the same command of "
                    + "crossvalidate goes on, or name the finished folds' weights one by one")
        }
        return found.folds.map { url.appending(path: $0.run).appending(path: best) }
    }
}
