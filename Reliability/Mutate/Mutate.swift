import Campaign
import Foundation

/// Structured mutation without coverage, and services for the scripts.
///
///     mutate run COUNT [SEED [READER…]]      COUNT inputs over all readers, in this process
///     mutate replay SEED INDEX               repeats the input of that number
///     mutate files FOLDER COUNT [SEED]       COUNT mutated files for the built tool
///     mutate seeds READER FOLDER             writes a reader's first inputs as files
///     mutate list                            lists the readers
///     mutate place                           prints the number of the last input that was started
///
/// VMUNET_SEEDS lists the folders of fixtures, separated by colons.
@main enum Mutate {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let rest = Array(arguments.dropFirst())
        switch (arguments.first, rest.count) {
        case ("list", 0): print(readers.map(\.name).joined(separator: "\n"))
        case ("place", 0): print(try Place().index)
        case ("seeds", 2): try writeSeeds(of: rest[0], to: URL(filePath: rest[1]))
        case ("run", 1...):
            let names = rest.dropFirst(2)
            var run = Run(seed: rest.count > 1 ? UInt64(rest[1]) ?? 1 : 1, only: Set(names))
            try run.run(count: UInt64(rest[0]) ?? 0)
        case ("replay", 2): try Run(seed: UInt64(rest[0]) ?? 1).replay(UInt64(rest[1]) ?? 0)
        case ("files", 2...):
            try Run(seed: rest.count > 2 ? UInt64(rest[2]) ?? 1 : 1).files(count: UInt64(rest[1]) ?? 0, in: URL(filePath: rest[0]))
        default:
            print("usage: mutate run COUNT [SEED [READER…]] | replay SEED INDEX | files FOLDER COUNT [SEED] | seeds READER FOLDER | list")
            exit(64)
        }
    }

    static let seedFolders = (ProcessInfo.processInfo.environment["VMUNET_SEEDS"] ?? "Tests").split(separator: ":").map {
        URL(filePath: String($0))
    }

    private static func writeSeeds(of name: String, to folder: URL) throws {
        guard let reader = readers.first(where: { $0.name == name }) else { throw CocoaError(.fileNoSuchFile) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (i, seed) in reader.seeds(under: seedFolders).enumerated() {
            try Data(seed).write(to: folder.appending(path: "seed\(i)"))
        }
    }
}
