import Files
import Foundation
import Segmentation

/// The machine and the software of a run. The run's `environment.json` gets an entry each time the
/// run starts or resumes.
package struct RunEnvironment: Sendable, Codable, Equatable {
    /// ISO 8601.
    package var date: String
    /// The processor's name.
    package var cpu: String
    /// Logical cores in use.
    package var cores: Int
    /// Main memory, in bytes.
    package var memoryBytes: UInt64
    /// The operating system and its version.
    package var system: String
    /// The kernels' instruction set: portable, avx2, avx512, …
    package var instructionSet: String
    /// libtorch's version.
    package var libtorch: String
    /// The network's device: cpu, cuda:0.
    package var device: String
    /// The commit of the program's sources; nil if it does not run from a checkout.
    package var commit: String?
    /// The number of trained values; nil if it was not recorded.
    package var parameters: Int?

    private enum CodingKeys: String, CodingKey {
        case date, cpu, cores, memoryBytes = "memory_bytes", system, instructionSet = "instruction_set", libtorch, device, commit,
            parameters
    }

    /// This machine, now. The caller passes the values that only libtorch knows.
    package init(instructionSet: String, libtorch: String, device: String, parameters: Int?) {
        date = Date.now.formatted(.iso8601)
        let process = ProcessInfo.processInfo
        cpu = Self.processor
        cores = process.activeProcessorCount
        memoryBytes = process.physicalMemory
        system = process.operatingSystemVersionString
        self.instructionSet = instructionSet
        self.libtorch = libtorch
        self.device = device
        commit = SourceCommit.ofExecutable
        self.parameters = parameters
    }

    /// The entries of a run, oldest first; empty if there is no valid list.
    package static func read(_ folder: RunFolder) -> [RunEnvironment] {
        (try? JSONDecoder().decode([RunEnvironment].self, from: Data(contentsOf: folder.environment))) ?? []
    }

    /// Appends this entry to a run's file.
    package func append(to folder: RunFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let entries = Self.read(folder).suffix(999) + [self]
        try AtomicFile.write(Array(encoder.encode(Array(entries)) + Data("\n".utf8)), to: folder.environment)
    }

    private static var processor: String {
        #if os(Linux)
            let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("model name") || $0.hasPrefix("Model") }
            return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        #else
            var size = 0
            guard sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0) == 0, size > 1 else { return "unknown" }
            var bytes = [UInt8](repeating: 0, count: size)
            guard sysctlbyname("machdep.cpu.brand_string", &bytes, &size, nil, 0) == 0 else { return "unknown" }
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        #endif
    }
}

extension RunFolder {
    /// The number of trained values: computed for VM-UNet, otherwise as recorded. Nil if unknown.
    package func parameterCount(_ configuration: RunConfiguration) -> Int? {
        configuration.summary?.parameters ?? RunEnvironment.read(self).last?.parameters
    }

    /// The machines and programs of the run: `environment.json`.
    public var environment: URL { url.appending(path: "environment.json") }
}

/// The commit of the checkout that the program was built in.
enum SourceCommit {
    /// Nil if the program does not lie in a checkout of this project.
    static var ofExecutable: String? {
        guard let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() else { return nil }
        var folder = executable.deletingLastPathComponent()
        while folder.path != "/", folder.pathComponents.count > 1 {
            // A program copied into another project must not report that project's commit.
            if FileManager.default.fileExists(atPath: folder.appending(path: "Sources/VMUNetTool").path) { return of(folder) }
            folder.deleteLastPathComponent()
        }
        return nil
    }

    /// The checked-out commit of a folder, read from git's own files.
    static func of(_ folder: URL) -> String? {
        var git = folder.appending(path: ".git")
        // In a linked working tree `.git` is a file that names the git folder.
        if let link = line(git), link.hasPrefix("gitdir: ") {
            git = URL(filePath: String(link.dropFirst(8)), relativeTo: folder).absoluteURL
        }
        guard let head = line(git.appending(path: "HEAD")) else { return nil }
        guard head.hasPrefix("ref: ") else { return checked(head) }
        let name = String(head.dropFirst(5))
        let common =
            line(git.appending(path: "commondir")).map { URL(filePath: $0, relativeTo: git.appending(path: "/")).absoluteURL } ?? git
        for place in [git, common] {
            if let commit = line(place.appending(path: name)).flatMap(checked) { return commit }
        }
        let packed = (try? String(contentsOf: common.appending(path: "packed-refs"), encoding: .utf8)) ?? ""
        return packed.split(separator: "\n").first { $0.hasSuffix(" " + name) }.flatMap { checked(String($0.prefix(40))) }
    }

    private static func line(_ file: URL) -> String? {
        (try? String(contentsOf: file, encoding: .utf8))?.split(separator: "\n").first.map(String.init)
    }

    private static func checked(_ text: String) -> String? { text.count == 40 && text.allSatisfy(\.isHexDigit) ? text : nil }
}
