import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A folder's contents, in the same order on every machine.
package enum FolderListing {
    /// A run's best weights in its folder.
    package static let bestWeights = "checkpoints/best.safetensors"

    /// The best weights of a run's folder; nil if there are none.
    package static func bestWeights(of run: URL) -> URL? {
        let file = run.appending(path: bestWeights)
        return FileManager.default.fileExists(atPath: file.path) ? file : nil
    }

    /// The names in a folder in byte order, without hidden ones. Throws ``DataError`` if it cannot
    /// be listed.
    static func list(_ folder: URL) throws(DataError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted(by: byteOrder)
        } catch {
            throw DataError(.missingFolder, path: folder.path, "cannot list this folder", remedy: "Check that it is there and may be read.")
        }
    }

    /// Like ``list(_:)``, without folders.
    static func files(in folder: URL) throws(DataError) -> [String] {
        try list(folder).filter { isPicture($0) || !isFolder(folder.appending(path: $0)) }
    }

    /// True if a folder can be listed.
    package static func isReadable(_ folder: URL) -> Bool { (try? list(folder)) != nil }

    /// A folder's sub-folder, or one of theirs, that cannot be listed; nil if all can.
    package static func unreadable(in folder: URL) -> URL? {
        func folders(_ folder: URL) -> [URL] {
            ((try? list(folder)) ?? []).prefix(1000).map { folder.appending(path: $0) }.filter(isFolder)
        }
        for inner in folders(folder) {
            if let found = ([inner] + folders(inner)).first(where: { !isReadable($0) }) { return found }
        }
        return nil
    }

    /// True for a link, whatever it leads to.
    static func isLink(_ url: URL) -> Bool { (try? FileManager.default.destinationOfSymbolicLink(atPath: url.path)) != nil }

    /// The path of the file that a path leads to in the end, through all links.
    package static func target(_ url: URL) -> String { place(url.resolvingSymlinksInPath()) }

    /// A file's real path, whichever path named it; of a link, the link's own.
    package static func place(_ url: URL) -> String {
        url.deletingLastPathComponent().resolvingSymlinksInPath().standardizedFileURL.appending(path: url.lastPathComponent).path
    }

    /// The real paths of the folders that hold a set's files: its own, those below, and those that
    /// links in them lead to.
    package static func realFolders(of set: URL) -> Set<String> {
        var found: Set<String> = [target(set)], waiting = [(folder: set, depth: 0)]
        while let (folder, depth) = waiting.popLast() {
            for name in (try? list(folder)) ?? [] {
                let url = folder.appending(path: name)
                if isFolder(url) {
                    // Links may lead in a circle.
                    if found.insert(target(url)).inserted, depth < 4 { waiting.append((url, depth + 1)) }
                } else if isLink(url) {
                    found.insert(target(url.resolvingSymlinksInPath().deletingLastPathComponent()))
                }
            }
        }
        return found
    }

    /// The latest change of a set's files and folders, in seconds since 1970.
    package static func latestChange(of set: URL) -> Double {
        func date(_ path: String) -> Double {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        }
        return realFolders(of: set).reduce(0) { latest, folder in
            let files = ((try? list(URL(filePath: folder))) ?? []).lazy.map { date(folder + "/" + $0) }
            return max(latest, date(folder), files.max() ?? 0)
        }
    }

    /// True for a folder, also one behind a link.
    package static func isFolder(_ url: URL) -> Bool {
        var isDirectory = false
        #if canImport(FoundationEssentials)
            return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory
        #else
            var flag: ObjCBool = false
            isDirectory = FileManager.default.fileExists(atPath: url.path, isDirectory: &flag) && flag.boolValue
            return isDirectory
        #endif
    }

    /// True if a file's name has the ending of a readable picture.
    static func isPicture(_ file: String) -> Bool { PictureFile.extensions.contains(ending(file).lowercased()) }

    /// The text after the last dot; empty if there is none, or only as the first character.
    static func ending(_ file: String) -> String {
        guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return "" }
        return String(file[file.index(after: dot)...])
    }

    /// The name without its ending.
    static func stem(_ file: String) -> String {
        guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return file }
        return String(file[..<dot])
    }

    /// The same order on every machine, regardless of language.
    static func byteOrder(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    /// For messages: "12 png, 3 bmp", or "nothing".
    static func contents(of folder: URL) throws(DataError) -> String {
        var census = FileCensus()
        for file in try list(folder) { census.add(file) }
        return census.isEmpty ? "nothing" : census.description
    }
}

/// The number of files with each ending.
package struct FileCensus: Sendable, Equatable, CustomStringConvertible {
    /// Files by their lower-case ending, "" for none.
    package private(set) var counts: [String: Int] = [:]

    /// An empty census.
    package init() {}

    /// Counts a file by its name.
    package mutating func add(_ file: String) {
        let small = file.lowercased()
        let ending = small.hasSuffix(".gz") ? FolderListing.ending(String(small.dropLast(3))) + ".gz" : FolderListing.ending(small)
        counts[ending, default: 0] += 1
    }

    /// Adds another folder's counts.
    package mutating func merge(_ other: FileCensus) { counts.merge(other.counts, uniquingKeysWith: +) }

    /// Only the endings that pass.
    package func filtered(_ isIncluded: (String) -> Bool) -> FileCensus {
        var census = self
        census.counts = counts.filter { isIncluded($0.key) }
        return census
    }

    /// The number of all files.
    package var count: Int { counts.values.reduce(0, +) }
    /// True if there is none.
    package var isEmpty: Bool { counts.isEmpty }

    /// "12 png, 3 bmp": the five most frequent, then the number of others.
    package var description: String {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(5).map { "\($0.value) \($0.key.isEmpty ? "without extension" : $0.key)" }
        let rest = sorted.dropFirst(5).reduce(0) { $0 + $1.value }
        return (shown + (rest > 0 ? ["\(rest) others"] : [])).joined(separator: ", ")
    }
}
