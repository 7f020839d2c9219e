import Campaign
import Foundation

/// Structured mutation without coverage, and services for the scripts.
///
///     mutate run COUNT [SEED [FROM]]         COUNT inputs over all readers, in this process
///     mutate replay SEED INDEX               the input of that number again
///     mutate files FOLDER COUNT [SEED [FROM]]   COUNT mutated files for the built tool
///     mutate seeds READER FOLDER             the first inputs of a reader, as files
///     mutate list                            the readers
///     mutate place [SEED]                    the number of the input that the seed's last run began
///
/// VMUNET_SEEDS lists the folders of fixtures, separated by colons.
@main enum Mutate {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let rest = Array(arguments.dropFirst())
        switch (arguments.first, rest.count) {
        case ("list", 0): print(readers.map(\.name).joined(separator: "\n"))
        case ("place", 0...1): print(try Place(seed: number(rest, 0) ?? 1).index)
        case ("seeds", 2): try writeSeeds(of: rest[0], to: URL(filePath: rest[1]))
        case ("run", 1...):
            var run = Run(seed: number(rest, 1) ?? 1)
            try run.run(count: number(rest, 0) ?? 0, from: number(rest, 2) ?? 0)
        case ("replay", 2): try Run(seed: UInt64(rest[0]) ?? 1).replay(UInt64(rest[1]) ?? 0)
        case ("files", 2...):
            let run = Run(seed: number(rest, 2) ?? 1)
            try run.files(count: number(rest, 1) ?? 0, from: number(rest, 3) ?? 0, in: URL(filePath: rest[0]))
        default:
            print(
                "usage: mutate run COUNT [SEED [FROM]] | replay SEED INDEX | files FOLDER COUNT [SEED [FROM]] | seeds READER FOLDER | list")
            exit(64)
        }
    }

    static let seedFolders = (ProcessInfo.processInfo.environment["VMUNET_SEEDS"] ?? "Tests").split(separator: ":").map {
        URL(filePath: String($0))
    }

    private static func number(_ words: [String], _ place: Int) -> UInt64? { words.count > place ? UInt64(words[place]) : nil }

    private static func writeSeeds(of name: String, to folder: URL) throws {
        guard let reader = readers.first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (i, seed) in reader.seeds(under: seedFolders).enumerated() {
            try Data(seed).write(to: folder.appending(path: "seed\(i)"))
        }
    }
}
